import Foundation
import PixNerdSupport

/// Reads PNG and JPEG files and writes PNG files.
///
/// Images are converted to 8-bit RGB like Pillow's `Image.open(path).convert("RGB")`: transparency is dropped, not
/// composited over a background; embedded colour profiles, gamma and EXIF orientation are ignored; CMYK is read by
/// Adobe's inverted convention. One deliberate difference: 16-bit grey keeps its high byte, as 16-bit colour does,
/// whereas Pillow clips everything from 255 on to white.
public enum ImageFile {
    /// The maximum number of pixels of an image: 2^28, a square of 16,384. A file that claims more is refused before
    /// any memory is allocated for it.
    public static let maximumPixels = 1 << 28
    /// The side of the largest square image.
    public static let maximumSide = 1 << 14
    /// The maximum number of bytes of an image file: as many as the pixels of the largest image take, and some.
    static let maximumBytes = 3 * maximumPixels + (1 << 24)
    /// The number of pixels above which a file must have a byte for each `maximumPixelsPerByte`.
    private static let plausiblePixels = 1 << 26
    /// More pixels per byte than images of this size have unless they are blank.
    private static let maximumPixelsPerByte = 256

    /// Reads a PNG or JPEG file. The contents determine the format, not the extension of the name.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read, is neither PNG nor JPEG, is cut short or damaged, or claims
    ///   more than `maximumPixels`, or far more than its bytes can hold.
    public static func read(_ path: String) throws -> RGBImage {
        let block = ByteBlock()
        defer { withExtendedLifetime(block) {} }
        return try decode(readPicture(ofFile: path, into: block), name: path)
    }

    /// Decodes the bytes of a PNG or JPEG file.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: the name of the image in errors, usually its path.
    /// - Throws: `PixNerdError`, as `read(_:)` does.
    public static func decode(_ bytes: [UInt8], name: String) throws -> RGBImage {
        try bytes.withUnsafeBytes { try decode($0, name: name) }
    }

    /// Decodes the bytes of a PNG or JPEG file.
    public static func decode(_ bytes: UnsafeRawBufferPointer, name: String) throws -> RGBImage {
        switch ImageFormat(signatureOf: bytes) {
        case .png: return try decodePNG(bytes, name: name)
        case .jpeg: return try decodeJPEG(bytes, name: name)
        case let format: throw format.refusal(name: name, isEmpty: bytes.isEmpty)
        }
    }

    /// Writes an image as a PNG file, atomically: first under a temporary name next to `path`, then renamed. An
    /// existing file is replaced.
    ///
    /// - Throws: `PixNerdError` if the folder is missing or the file cannot be written.
    public static func writePNG(_ image: RGBImage, to path: String) throws {
        try AtomicFile.write(encodePNG(image), to: path, isSynced: false)
    }

    /// The image as the bytes of a PNG file.
    ///
    /// - Throws: `PixNerdError` if there is not enough memory.
    public static func encodePNG(_ image: RGBImage) throws -> [UInt8] {
        try encodedPNG(image)
    }

    /// Checks the size that a file claims, before memory is allocated for it.
    ///
    /// - Parameter bytes: the size of the file.
    /// - Throws: `PixNerdError` unless it is between 1 and `maximumPixels` pixels, and plausible: some kilobytes can
    ///   unfold to a gigabyte, but no picture that is worth to be seen does.
    static func checkSize(width: Int, height: Int, bytes: Int, name: String) throws {
        // Both are below 2^32, so the product fits.
        if width <= 0 || height <= 0 || width * height > maximumPixels {
            throw PixNerdError(
                .unsupported, "\(name)", found: "claims a size of \(width) x \(height) pixels",
                expected: "at least 1 and at most \(maximumPixels) pixels")
        }
        if width * height > plausiblePixels && width * height / maximumPixelsPerByte > bytes {
            throw PixNerdError(
                .unsupported, "\(name)",
                found: "claims a size of \(width) x \(height) pixels in only \(bytes) bytes",
                expected: "at most \(maximumPixelsPerByte) pixels per byte in a picture of this size")
        }
    }
}
