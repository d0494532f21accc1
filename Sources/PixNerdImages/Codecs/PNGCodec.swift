import CPixNerdPNGShim
import Foundation
import PixNerdSupport

/// Decodes a PNG file to 8-bit RGB.
func decodePNG(_ bytes: UnsafeRawBufferPointer, name: String) throws -> RGBImage {
    let (width, height) = try sizeOfPNG(bytes, name: name)
    return try LargePictures.withRoom(width * height * 3, name: name) {
        let pixels = try [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            try decodePNG(bytes, width: width, height: height, into: buffer.baseAddress!, name: name)
            count = width * height * 3
        }
        return RGBImage(width: width, height: height, pixels: pixels)
    }
}

/// Columns and rows of a PNG file.
func sizeOfPNG(_ bytes: UnsafeRawBufferPointer, name: String) throws -> (width: Int, height: Int) {
    var columns: UInt32 = 0
    var rows: UInt32 = 0
    try withMessage(name: name) {
        pn_png_size(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count, &columns, &rows, $0)
    }
    try ImageFile.checkSize(width: Int(columns), height: Int(rows), bytes: bytes.count, name: name)
    return (Int(columns), Int(rows))
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

/// The bytes of a PNG file.
func encodedPNG(_ image: RGBImage) throws -> [UInt8] {
    try encoded(image) { pixels, bytes, count, message in
        pn_png_encode(pixels, UInt32(image.width), UInt32(image.height), bytes, count, message)
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
        return try encoded(first) { pixels, bytes, count, message in
            pn_png_encode_animation(
                pixels, UInt32(first.width), UInt32(first.height), files, delays, UInt32(delays.count), bytes, count,
                message)
        }
    }
}

/// Encodes an image with libpng and returns the bytes that it allocates.
private func encoded(
    _ image: RGBImage,
    _ encode: (
        UnsafePointer<UInt8>, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>,
        UnsafeMutablePointer<CChar>
    ) -> pn_png_status
) throws -> [UInt8] {
    var block: UnsafeMutablePointer<UInt8>?
    var count = 0
    try withMessage(name: "An image of \(image.width) x \(image.height) pixels") { message in
        image.pixels.withUnsafeBufferPointer { encode($0.baseAddress!, &block, &count, message) }
    }
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
