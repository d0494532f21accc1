import CTurboJPEG
import Foundation

/// Decodes a JPEG file to 8-bit RGB, with the accurate integer DCT and smooth chroma upsampling as in Pillow.
func decodeJPEG(_ bytes: UnsafeRawBufferPointer, name: String) throws -> RGBImage {
    let layout = JPEGLayout(bytes)
    guard layout.isComplete else {
        throw ImageError("\(name) is cut short: the JPEG data end before the picture does.")
    }
    guard let (width, height) = layout.size else {
        throw ImageError("\(name) is a damaged JPEG file: it has no frame header.")
    }
    try ImageFile.checkSize(width: width, height: height, name: name)
    switch layout.components {
    case 1, 3:
        let pixels = try decompress(
            bytes, width: width, height: height, channels: 3, format: TJPF_RGB, name: name)
        return RGBImage(width: width, height: height, pixels: pixels)
    case 4:
        let inks = try decompress(
            bytes, width: width, height: height, channels: 4, format: TJPF_CMYK, name: name)
        return RGBImage(width: width, height: height, pixels: rgb(fromInvertedInks: inks))
    default:
        throw ImageError(
            "\(name) is a JPEG file with \(layout.components) components: expected 1 (grey), 3 (colour) or 4 (CMYK).")
    }
}

private func decompress(
    _ bytes: UnsafeRawBufferPointer, width: Int, height: Int, channels: Int, format: TJPF, name: String
) throws -> [UInt8] {
    guard let handle = tjInitDecompress() else {
        throw ImageError("\(name) cannot be decoded: there is not enough memory for a JPEG decoder.")
    }
    defer { tjDestroy(handle) }
    let count = width * height * channels
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        let status = tjDecompress2(
            handle, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, UInt(bytes.count), buffer.baseAddress,
            Int32(width), 0, Int32(height), Int32(format.rawValue),
            TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS)
        // A warning (extraneous bytes, a damaged block) still gives a whole picture, which Pillow accepts as well.
        if status != 0 && tjGetErrorCode(handle) != Int32(TJERR_WARNING.rawValue) {
            let reason = String(cString: tjGetErrorStr2(handle))
            throw ImageError("\(name) is a damaged JPEG file: the decoder says \"\(reason)\".")
        }
        initialized = count
    }
}

/// RGB from CMYK whose values are stored inverted (255 is no ink), as Adobe programs write it: colour times black.
private func rgb(fromInvertedInks inks: [UInt8]) -> [UInt8] {
    let count = inks.count / 4
    return [UInt8](unsafeUninitializedCapacity: count * 3) { buffer, initialized in
        inks.withUnsafeBufferPointer { inks in
            for i in 0..<count {
                let black = Int(inks[4 * i + 3])
                for channel in 0..<3 {
                    // Pillow goes through ink amounts, and rounds what the ink takes away from the light.
                    let taken = black * (255 - Int(inks[4 * i + channel]))
                    buffer[3 * i + channel] = UInt8(black - (taken + 127) / 255)
                }
            }
        }
        initialized = count * 3
    }
}
