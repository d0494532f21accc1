import Foundation
import PixNerdSupport

/// Reads image files (PNG, JPEG, WebP, TIFF, BMP, NumPy arrays) and writes PNG and TIFF files and arrays.
///
/// `read` and `decode` convert to 8-bit RGB like Pillow's `Image.open(path).convert("RGB")`: transparency is dropped, not
/// composited over a background; embedded colour profiles, gamma and EXIF orientation are ignored; CMYK is read by
/// Adobe's inverted convention. One deliberate difference: 16-bit grey keeps its high byte, as 16-bit colour does,
/// whereas Pillow clips everything from 255 on to white.
public enum ImageFile {
    /// The maximum number of pixels of an image: 2^28, a square of 16,384. A file that claims more is refused before
    /// any memory is allocated for it.
    public static let maximumPixels = 1 << 28
    /// The maximum number of channels of an image.
    public static let maximumChannels = 255
    /// The side of the largest square image.
    public static let maximumSide = 1 << 14
    /// The maximum number of bytes of an image file: as many as the pixels of the largest image take, and some.
    static let maximumBytes = 3 * maximumPixels + (1 << 24)
    /// The number of pixels above which a file must have a byte for each `maximumPixelsPerByte`.
    private static let plausiblePixels = 1 << 26
    /// More pixels per byte than images of this size have unless they are blank.
    private static let maximumPixelsPerByte = 256

    /// Reads an image file as 8-bit RGB. The contents determine the format, not the extension of the name.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read, is no image, is cut short or damaged, or claims more than
    ///   `maximumPixels`, or far more than its bytes can hold.
    public static func read(_ path: String) throws -> RGBImage {
        let block = ByteBlock()
        defer { withExtendedLifetime(block) {} }
        return try decode(readPicture(ofFile: path, into: block), name: path)
    }

    /// Reads the values that an image file stores, with all its channels and bits.
    ///
    /// - Throws: `PixNerdError`, as `read(_:)` does.
    public static func readStored(_ path: String) throws -> Raster {
        let block = ByteBlock()
        defer { withExtendedLifetime(block) {} }
        let bytes = try readPicture(ofFile: path, into: block)
        let header = try PictureHeader(bytes, name: path)
        return try LargePictures.withRoom(header.size, name: path) {
            try PictureDecoder().stored(bytes, header, name: path)
        }
    }

    /// Decodes the bytes of an image file.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: the name of the image in errors, usually its path.
    /// - Throws: `PixNerdError`, as `read(_:)` does.
    public static func decode(_ bytes: [UInt8], name: String) throws -> RGBImage {
        try bytes.withUnsafeBytes { try decode($0, name: name) }
    }

    /// The size of an image as its file stores it, from the file's header.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: the name of the image in errors.
    /// - Throws: `PixNerdError` if the header cannot be read, or is of no image.
    public static func size(of bytes: [UInt8], name: String) throws -> ImageSize {
        let header = try bytes.withUnsafeBytes { try PictureHeader($0, name: name) }
        return ImageSize(height: header.height, width: header.width)
    }

    /// Whether an image file has pixels that are not opaque.
    ///
    /// - Throws: `PixNerdError`, as `read(_:)` does.
    public static func isTransparent(_ path: String) throws -> Bool {
        let stored = try readStored(path)
        guard stored.hasAlpha else { return false }
        return stored.bytes.withUnsafeBytes { bytes in
            stride(from: stored.channels - 1, to: stored.width * stored.height * stored.channels, by: stored.channels)
                .contains { stored.value($0, bytes) < stored.element.fullRange.upperBound }
        }
    }

    /// Decodes the bytes of an image file.
    public static func decode(_ bytes: UnsafeRawBufferPointer, name: String) throws -> RGBImage {
        let header = try PictureHeader(bytes, name: name)
        let size = header.width * header.height * 3
        return try LargePictures.withRoom(size, name: name) {
            let pixels = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                try PictureDecoder().decode(bytes, header, into: buffer.baseAddress!, name: name)
                count = size
            }
            return RGBImage(width: header.width, height: header.height, pixels: pixels)
        }
    }

    /// A format that images with any channels are written in.
    public enum StoredFormat: String, Sendable, CaseIterable {
        /// PNG of 1 to 4 channels of integers.
        case png
        /// TIFF of any channels, 8 or 16 bits or float32.
        case tiff
        /// A NumPy array, [H, W] for one channel and else [H, W, C].
        case npy

        /// The extension of such a file's name.
        public var fileExtension: String { self == .tiff ? "tif" : rawValue }

        /// Whether images of a format can be written in this one.
        public func canHold(_ format: PixelFormat) -> Bool {
            self != .png || format.channelCount <= 4 && format.element != .float32
        }
    }

    /// Writes an image with all its channels and bits, atomically. An existing file is replaced.
    ///
    /// - Precondition: the format can hold the image.
    /// - Throws: `PixNerdError` if the folder is missing or the file cannot be written.
    public static func write(_ image: Raster, as format: StoredFormat, to path: String) throws {
        try AtomicFile.write(encode(image, as: format), to: path, isSynced: false)
    }

    /// The image as the bytes of a file, with all its channels and bits.
    ///
    /// - Parameter texts: Texts that a PNG file holds beside the pixels; other formats hold none.
    /// - Precondition: The format can hold the image.
    /// - Throws: `PixNerdError` if there is not enough memory.
    public static func encode(_ image: Raster, as format: StoredFormat, texts: [PNGText] = []) throws -> [UInt8] {
        switch format {
        case .png: try encodedPNG(image, texts: texts)
        case .tiff: try encodedTIFF(image)
        case .npy: encodedNpy(image)
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
    /// - Parameter texts: Texts that the file holds beside the pixels.
    /// - Throws: `PixNerdError` if there is not enough memory.
    public static func encodePNG(_ image: RGBImage, texts: [PNGText] = []) throws -> [UInt8] {
        try encodedPNG(image, texts: texts)
    }

    /// Checks the size that a file claims, before memory is allocated for it.
    ///
    /// - Parameters:
    ///   - pixelSize: bytes of a decoded pixel.
    ///   - bytes: the size of the file.
    /// - Throws: `PixNerdError` unless it is between 1 and `maximumPixels` pixels, and plausible: some kilobytes can
    ///   unfold to a gigabyte, but no picture that is worth to be seen does.
    static func checkSize(width: Int, height: Int, pixelSize: Int = 3, bytes: Int, name: String) throws {
        // Both are below 2^32, so the product fits.
        if width <= 0 || height <= 0 || width * height > maximumPixels {
            throw PixNerdError(
                .unsupported, "\(name)", found: "claims a size of \(width) x \(height) pixels",
                expected: "at least 1 and at most \(maximumPixels) pixels")
        }
        if width * height > 3 * maximumPixels / pixelSize {
            throw PixNerdError(
                .unsupported, "\(name)", found: "claims \(width) x \(height) pixels of \(pixelSize) bytes",
                expected: "at most \(3 * maximumPixels) bytes")
        }
        if width * height > plausiblePixels && width * height / maximumPixelsPerByte > bytes {
            throw PixNerdError(
                .unsupported, "\(name)",
                found: "claims a size of \(width) x \(height) pixels in only \(bytes) bytes",
                expected: "at most \(maximumPixelsPerByte) pixels per byte in a picture of this size")
        }
    }
}
