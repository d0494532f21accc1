import CPixNerdPNGShim
import Foundation
import PixNerdSupport

extension PictureHeader {
    /// The image in a PNG file.
    static func png(_ bytes: UnsafeRawBufferPointer, name: String) throws -> PictureHeader {
        var layout = pn_png_layout()
        try withMessage(name: name) {
            pn_png_describe(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count, &layout, $0)
        }
        let chunks = PNGChunks(bytes)
        // Byte 25 is the kind of colours, 3 for a palette.
        var header = PictureHeader(
            format: .png, width: Int(layout.width), height: Int(layout.height), channels: Int(layout.channels),
            element: layout.bits == 16 ? .uint16 : .uint8, color: bytes[25] == 3 ? .palette : nil,
            hasAlpha: layout.channels % 2 == 0, orientation: chunks.orientation)
        header.profile = chunks.profile
        return header
    }
}

/// Decodes a PNG file of a known size into `width * height * 3` bytes.
func decodePNG(
    _ bytes: UnsafeRawBufferPointer, width: Int, height: Int, into output: UnsafeMutablePointer<UInt8>, name: String
) throws {
    try withMessage(name: name) {
        pn_png_decode(
            bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count, output, UInt32(width), UInt32(height),
            $0)
    }
}

/// Decodes a PNG file to the values that it stores, as its header told.
func decodeStoredPNG(_ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, name: String) throws -> Raster {
    var layout = pn_png_layout(
        width: UInt32(header.width), height: UInt32(header.height), channels: UInt32(header.channels),
        bits: UInt32(8 * header.element.size))
    return try Raster(header) { pixels in
        try withMessage(name: name) {
            pn_png_decode_stored(
                bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count, pixels, &layout, $0)
        }
    }
}

/// The bytes of a PNG file.
func encodedPNG(_ image: RGBImage, texts: [PNGText] = []) throws -> [UInt8] {
    try encodedPNG(
        Raster(width: image.width, height: image.height, channels: 3, element: .uint8, bytes: image.pixels),
        texts: texts)
}

/// The bytes of a PNG file with 1 to 4 channels of 8 or 16 bits.
func encodedPNG(_ image: Raster, texts: [PNGText] = []) throws -> [UInt8] {
    precondition(
        (1...4).contains(image.channels) && image.element != .float32,
        "encodedPNG: \(image.channels) channels of \(image.element.rawValue)")
    var layout = pn_png_layout(
        width: UInt32(image.width), height: UInt32(image.height), channels: UInt32(image.channels),
        bits: UInt32(8 * image.element.size))
    // A null character would end the text.
    let strings = texts.flatMap { [$0.keyword, $0.text] }.map { strdup($0.filter { $0 != "\0" }) }
    defer { for string in strings { free(string) } }
    let pairs = texts.indices.map { pn_png_text(keyword: strings[2 * $0], text: strings[2 * $0 + 1]) }
    return try image.bytes.withUnsafeBytes { pixels in
        try encoded(width: image.width, height: image.height) { bytes, count, message in
            pn_png_encode(pixels.baseAddress, &layout, pairs, pairs.count, bytes, count, message)
        }
    }
}

/// The bytes of an animated PNG file.
func encodedAnimatedPNG(_ animation: Animation) throws -> [UInt8] {
    let first = animation.frames[0].picture
    let later = try animation.frames.dropFirst().map { try encodedPNG($0.picture) }
    // All later frames in one block, so that the pointers passed to C stay valid.
    let block = later.flatMap { $0 }
    let delays = animation.frames.map { UInt16($0.milliseconds) }
    return try block.withUnsafeBufferPointer { block in
        var files: [pn_png_file] = []
        var start = 0
        for file in later {
            files.append(pn_png_file(bytes: block.baseAddress! + start, count: file.count))
            start += file.count
        }
        return try first.pixels.withUnsafeBufferPointer { pixels in
            try encoded(width: first.width, height: first.height) { bytes, count, message in
                pn_png_encode_animation(
                    pixels.baseAddress, UInt32(first.width), UInt32(first.height), files, delays,
                    UInt32(delays.count), bytes, count, message)
            }
        }
    }
}

/// Calls an encoder of libpng and returns the bytes that it allocates.
private func encoded(
    width: Int, height: Int,
    _ encode: (
        UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>, UnsafeMutablePointer<CChar>
    ) -> pn_png_status
) throws -> [UInt8] {
    var block: UnsafeMutablePointer<UInt8>?
    var count = 0
    try withMessage(name: "An image of \(width) x \(height) pixels") { encode(&block, &count, $0) }
    defer { free(block) }
    return Array(UnsafeBufferPointer(start: block, count: count))
}

/// Calls libpng with a buffer for its message, and throws if the status is not OK.
private func withMessage(name: String, _ call: (UnsafeMutablePointer<CChar>) -> pn_png_status) throws {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PIXNERD_PNG_MESSAGE_SIZE)) { message in
        message.initialize(repeating: 0)
        switch call(message.baseAddress!) {
        case PIXNERD_PNG_OK: return
        case PIXNERD_PNG_CUT_SHORT:
            throw PixNerdError(.malformed, "\(name)", found: "is cut short: the PNG data end before the picture does")
        case PIXNERD_PNG_NO_MEMORY:
            throw PixNerdError(
                .system, "\(name)", found: "cannot be read or written as PNG: there is not enough memory")
        default:
            let reason = String(cString: message.baseAddress!)
            throw PixNerdError(.malformed, "\(name)", found: "is a damaged PNG file: libpng says \"\(reason)\"")
        }
    }
}
