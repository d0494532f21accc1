import CPixNerdWebP
import PixNerdSupport

extension PictureHeader {
    /// A still image in a WebP file.
    static func webp(_ bytes: UnsafeRawBufferPointer, name: String) throws -> PictureHeader {
        var features = WebPBitstreamFeatures()
        let status = WebPGetFeatures(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count, &features)
        guard status == VP8_STATUS_OK else { throw webPProblem(status, name) }
        guard features.has_animation == 0 else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "is an animated WebP image", expected: "a still image",
                advice: "save its frames as images of their own")
        }
        let hasAlpha = features.has_alpha != 0
        let chunks = WebPChunks(bytes)
        var header = PictureHeader(
            format: .webp, width: Int(features.width), height: Int(features.height), channels: hasAlpha ? 4 : 3,
            hasAlpha: hasAlpha, orientation: chunks.orientation)
        header.profile = chunks.profile
        return header
    }
}

/// Decodes a WebP file, as its header told.
func decodeWebP(_ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, name: String) throws -> Raster {
    let decode = header.hasAlpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto
    return try Raster(header) { pixels in
        let stride = header.width * header.channels
        let found = decode(
            bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count,
            pixels.assumingMemoryBound(to: UInt8.self), stride * header.height, Int32(stride))
        guard found != nil else { throw webPProblem(VP8_STATUS_BITSTREAM_ERROR, name) }
    }
}

private func webPProblem(_ status: VP8StatusCode, _ name: String) -> PixNerdError {
    switch status {
    case VP8_STATUS_NOT_ENOUGH_DATA:
        PixNerdError(.malformed, "\(name)", found: "is cut short: the WebP data end before the picture does")
    case VP8_STATUS_OUT_OF_MEMORY:
        PixNerdError(.system, "\(name)", found: "cannot be decoded: there is not enough memory for the WebP image")
    default: PixNerdError(.malformed, "\(name)", found: "is a damaged WebP file")
    }
}

/// Facts from the chunks of a WebP file, a RIFF container.
private struct WebPChunks {
    private(set) var orientation = PictureOrientation.asStored
    private(set) var profile: String?

    init(_ bytes: UnsafeRawBufferPointer) {
        var position = 12
        while position + 8 <= bytes.count {
            let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self)))
            let end = min(position + 8 + length, bytes.count)
            let content = UnsafeRawBufferPointer(rebasing: bytes[position + 8..<end])
            switch String(decoding: bytes[position..<position + 4], as: UTF8.self) {
            case "ICCP": profile = ColorProfile.name(content)
            case "EXIF":
                // Some programs write the beginning of a JPEG segment before it.
                orientation = EXIF.orientation(inSegment: content) ?? EXIF.orientation(content) ?? .asStored
            default: break
            }
            // Chunks of odd length are followed by a byte.
            position += 8 + length + length % 2
        }
    }
}
