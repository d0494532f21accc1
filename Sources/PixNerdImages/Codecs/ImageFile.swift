import Foundation
import PixNerdSupport

/// Pictures in files: PNG and JPEG in, PNG out.
///
/// Whatever a file holds becomes 8-bit RGB as Pillow's `Image.open(path).convert("RGB")` makes it: transparency is
/// dropped, not composed with a background; embedded colour profiles, gamma and the EXIF orientation are not applied;
/// CMYK is read by Adobe's inverted convention. One deliberate difference: 16-bit grey keeps its high byte, as
/// 16-bit colour does, where Pillow clips everything from 255 on to white.
public enum ImageFile {
    /// The most pixels that a picture may have: 2^28, a square of 16,384. A file that claims more is refused before
    /// any memory is taken for it.
    public static let maximumPixels = 1 << 28

    /// Reads a PNG or JPEG file; the content decides which it is, not the name's extension.
    ///
    /// - Throws: `PixNerdError` when the file cannot be read, is neither PNG nor JPEG, is cut short or damaged, or claims
    ///   more than `maximumPixels`.
    public static func read(_ path: String) throws -> RGBImage {
        let bytes = try readBytes(ofFile: path)
        return try decode(bytes, name: path)
    }

    /// Decodes the bytes of a PNG or JPEG file.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: what errors call the picture, usually its path.
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

    /// Writes a picture as a PNG file: beside its place under a temporary name first, then renamed, so that a
    /// half-written file never stands under `path`. A file that is already there is replaced.
    ///
    /// - Throws: `PixNerdError` when the folder is missing or the file cannot be written.
    public static func writePNG(_ image: RGBImage, to path: String) throws {
        try AtomicFile.write(encodePNG(image), to: path, isSynced: false)
    }

    /// The bytes of a PNG file that holds the picture.
    ///
    /// - Throws: `PixNerdError` when there is not enough memory.
    public static func encodePNG(_ image: RGBImage) throws -> [UInt8] {
        try encodedPNG(image)
    }

    /// Throws unless the size that a file claims is one that we are willing to take memory for.
    static func checkSize(width: Int, height: Int, name: String) throws {
        // Both are below 2^32, so the product fits.
        if width <= 0 || height <= 0 || width * height > maximumPixels {
            throw ImageError(
                "\(name) claims a size of \(width) x \(height) pixels: expected at least 1 and at most \(maximumPixels)"
                    + " pixels.")
        }
    }
}

/// What the first bytes of a file say it is.
enum ImageFormat: Equatable {
    case png
    case jpeg
    /// A well-known format that is not read here, with its article: "a GIF".
    case other(String)
    case unknown

    /// Why a file of a format that is not read here is refused.
    func refusal(name: String, isEmpty: Bool) -> ImageError {
        if case .other(let format) = self {
            return ImageError("\(name) is \(format), which cannot be read: convert it to PNG or JPEG.")
        }
        let found = isEmpty ? "an empty file" : "not a picture"
        return ImageError("\(name) is \(found): expected the content of a PNG or JPEG file.")
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
            self = .other("a WebP picture")
        } else if begins(Array("BM".utf8)) {
            self = .other("a BMP")
        } else if begins([0x49, 0x49, 0x2A, 0x00]) || begins([0x4D, 0x4D, 0x00, 0x2A]) {
            self = .other("a TIFF")
        } else if begins(Array("ftypavif".utf8), at: 4) {
            self = .other("an AVIF picture")
        } else if begins(Array("ftyphei".utf8), at: 4) {
            self = .other("a HEIF picture")
        } else {
            self = .unknown
        }
    }
}
