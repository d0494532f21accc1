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

    /// Reads a PNG or JPEG file. The contents determine the format, not the extension of the name.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read, is neither PNG nor JPEG, is cut short or damaged, or claims
    ///   more than `maximumPixels`.
    public static func read(_ path: String) throws -> RGBImage {
        let bytes = try readBytes(ofFile: path)
        return try decode(bytes, name: path)
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
    /// - Throws: `PixNerdError` unless it is between 1 and `maximumPixels` pixels.
    static func checkSize(width: Int, height: Int, name: String) throws {
        // Both are below 2^32, so the product fits.
        if width <= 0 || height <= 0 || width * height > maximumPixels {
            throw PixNerdError(
                .unsupported, "\(name)", found: "claims a size of \(width) x \(height) pixels",
                expected: "at least 1 and at most \(maximumPixels) pixels")
        }
    }
}

/// The format of a file, determined by its first bytes.
enum ImageFormat: Equatable {
    case png
    case jpeg
    /// A well-known unsupported format, with its article: "a GIF".
    case other(String)
    case unknown

    /// The error for a file of an unsupported format.
    func refusal(name: String, isEmpty: Bool) -> PixNerdError {
        if case .other(let format) = self {
            return PixNerdError(
                .unsupported, "\(name)", found: "is \(format), which cannot be read",
                advice: "convert it to PNG or JPEG")
        }
        return PixNerdError(
            .malformed, "\(name)", found: isEmpty ? "is an empty file" : "is not a picture",
            expected: "the contents of a PNG or JPEG file")
    }

    init(signatureOf bytes: UnsafeRawBufferPointer) {
        func begins(_ signature: [UInt8], at offset: Int = 0) -> Bool {
            bytes.count >= offset + signature.count
                && bytes[offset..<offset + signature.count].elementsEqual(signature)
        }
        if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if begins([0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if begins(Array("GIF8".utf8)) {
            self = .other("a GIF")
        } else if begins(Array("RIFF".utf8)) && begins(Array("WEBP".utf8), at: 8) {
            self = .other("a WebP image")
        } else if begins(Array("BM".utf8)) {
            self = .other("a BMP")
        } else if begins([0x49, 0x49, 0x2A, 0x00]) || begins([0x4D, 0x4D, 0x00, 0x2A]) {
            self = .other("a TIFF")
        } else if begins(Array("ftypavif".utf8), at: 4) {
            self = .other("an AVIF image")
        } else if begins(Array("ftyphei".utf8), at: 4) {
            self = .other("a HEIF image")
        } else {
            self = .unknown
        }
    }
}
