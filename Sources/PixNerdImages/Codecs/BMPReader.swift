import CPixNerdBMP
import PixNerdSupport

extension PictureHeader {
    /// The image in a BMP file.
    static func bmp(_ bytes: UnsafeRawBufferPointer, name: String) throws -> PictureHeader {
        var (width, height, channels) = (Int32(), Int32(), Int32())
        var reason: UnsafePointer<CChar>?
        let isFound =
            bytes.count <= Int(Int32.max)
            && pn_bmp_size(
                bytes.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(bytes.count), &width, &height, &channels,
                &reason) != 0
        guard isFound, [3, 4].contains(channels) else { throw bmpProblem(reason, name) }
        // The first header has no opacity: what stands in the fourth byte is left over, and Pillow drops it, too.
        let hasAlpha = channels == 4 && bytes[14] != 40
        return PictureHeader(
            format: .bmp, width: Int(width), height: Int(height), channels: hasAlpha ? 4 : 3, hasAlpha: hasAlpha)
    }
}

/// Decodes a BMP file, as its header told.
func decodeBMP(_ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, name: String) throws -> Raster {
    var (width, height) = (Int32(), Int32())
    var reason: UnsafePointer<CChar>?
    let pixels = pn_bmp_decode(
        bytes.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(bytes.count), Int32(header.channels), &width,
        &height, &reason)
    guard let pixels else { throw bmpProblem(reason, name) }
    defer { pn_bmp_release(pixels) }
    guard Int(width) == header.width, Int(height) == header.height else { throw bmpProblem(nil, name) }
    return try Raster(header) { $0.copyMemory(from: pixels, byteCount: header.size) }
}

private func bmpProblem(_ reason: UnsafePointer<CChar>?, _ name: String) -> PixNerdError {
    let said = reason.map { ": the decoder says \"\(String(cString: $0))\"" } ?? ""
    return PixNerdError(
        .malformed, "\(name)", found: "is a damaged BMP file, or of a kind that is not read\(said)",
        advice: "convert it to PNG")
}
