import CPixNerdTurboJPEG
import Foundation
import PixNerdSupport

/// Decodes JPEG files to 8-bit RGB, with the accurate integer DCT and smooth chroma upsampling, like Pillow.
///
/// Each thread reuses its own decoder, because setting up libjpeg-turbo takes longer than decoding a small image.
final class JPEGDecoder {
    private var handle: tjhandle?
    /// Memory for CMYK pixels before their conversion to RGB.
    private let inks = ByteBlock()

    // See ByteBlock.
    @inline(never)
    init() {}

    deinit {
        if let handle { tjDestroy(handle) }
    }

    /// Size and layout of a JPEG file.
    ///
    /// - Throws: `PixNerdError` if the file is cut short, has no size, or is of an unsupported kind.
    static func layout(of bytes: UnsafeRawBufferPointer, name: String) throws -> (
        width: Int, height: Int, layout: JPEGLayout
    ) {
        let layout = JPEGLayout(bytes)
        guard layout.isComplete else {
            throw PixNerdError(.malformed, "\(name)", found: "is cut short: the JPEG data end before the picture does")
        }
        guard let (width, height) = layout.size else {
            throw PixNerdError(.malformed, "\(name)", found: "is a damaged JPEG file: it has no frame header")
        }
        try ImageFile.checkSize(width: width, height: height, bytes: bytes.count, name: name)
        guard [1, 3, 4].contains(layout.components) else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "is a JPEG file with \(layout.components) components",
                expected: "1 (grey), 3 (colour) or 4 (CMYK)")
        }
        return (width, height, layout)
    }

    /// The number of columns or rows that remain when the decoder halves an image, at most three times.
    static func halved(_ side: Int, times: Int) -> Int {
        (side + (1 << times) - 1) >> times
    }

    /// Decodes an image, at full or reduced size.
    ///
    /// - Parameters:
    ///   - width: columns of the image in the file.
    ///   - height: rows of the image in the file.
    ///   - isGrey: gives one byte a pixel, for images of one component, instead of three.
    ///   - halvings: how often the image is halved by decoding fewer frequencies, 0 ... 3.
    ///   - isQuick: takes shortcuts in DCT and chroma upsampling that change pixels by a few levels.
    ///   - output: memory for `halved(width) * halved(height) * 3` bytes.
    func decode(
        _ bytes: UnsafeRawBufferPointer, width: Int, height: Int, components: Int, isGrey: Bool = false,
        halvings: Int = 0, isQuick: Bool = false, into output: UnsafeMutablePointer<UInt8>, name: String
    ) throws {
        // The decoder's memory is in use until the end.
        defer { withExtendedLifetime(self) {} }
        let width = Self.halved(width, times: halvings)
        let height = Self.halved(height, times: halvings)
        let flags = TJFLAG_LIMITSCANS | (isQuick ? TJFLAG_FASTDCT | TJFLAG_FASTUPSAMPLE : TJFLAG_ACCURATEDCT)
        guard components == 4 else {
            try decompress(
                bytes, width: width, height: height, format: isGrey ? TJPF_GRAY : TJPF_RGB, flags: flags, into: output,
                name: name)
            return
        }
        let stored = inks.reserve(width * height * 4)
        try decompress(bytes, width: width, height: height, format: TJPF_CMYK, flags: flags, into: stored, name: name)
        Self.convert(inks: stored, count: width * height, into: output)
    }

    private func decompress(
        _ bytes: UnsafeRawBufferPointer, width: Int, height: Int, format: TJPF, flags: Int32,
        into output: UnsafeMutablePointer<UInt8>, name: String
    ) throws {
        if handle == nil { handle = tjInitDecompress() }
        guard let handle else {
            throw PixNerdError(
                .system, "\(name)", found: "cannot be decoded: there is not enough memory for a JPEG decoder")
        }
        let status = tjDecompress2(
            handle, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, UInt(bytes.count), output, Int32(width), 0,
            Int32(height), Int32(format.rawValue), flags)
        // After a warning (extraneous bytes, a damaged block) the image is still complete. Pillow accepts it as well.
        if status != 0 && tjGetErrorCode(handle) != Int32(TJERR_WARNING.rawValue) {
            let reason = String(cString: tjGetErrorStr2(handle))
            throw PixNerdError(
                .malformed, "\(name)", found: "is a damaged JPEG file: the decoder says \"\(reason)\"")
        }
    }

    /// Converts CMYK stored inverted (255 is no ink), as Adobe programs write it, to RGB: colour times black.
    private static func convert(
        inks: UnsafePointer<UInt8>, count: Int, into output: UnsafeMutablePointer<UInt8>
    ) {
        for i in 0..<count {
            let black = Int(inks[4 * i + 3])
            for channel in 0..<3 {
                // Pillow computes with ink amounts and rounds the light that the ink absorbs.
                let taken = black * (255 - Int(inks[4 * i + channel]))
                output[3 * i + channel] = UInt8(black - (taken + 127) / 255)
            }
        }
    }
}
