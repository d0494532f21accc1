/// How image files are decoded.
public struct PictureDecoding: Sendable, Hashable {
    /// Lets the JPEG decoder halve large images and take shortcuts, instead of decoding every pixel as Pillow does.
    public var isFast: Bool
    /// What is done about an orientation that EXIF gives.
    public var exif: EXIFHandling
    /// The pixels that images are converted to.
    public var format: PixelFormat

    public init(isFast: Bool = false, exif: EXIFHandling = .apply, format: PixelFormat = .rgb8) {
        self.isFast = isFast
        self.exif = exif
        self.format = format
    }
}

/// Decodes image files of every format that is read, reusing the memory of its JPEG decoder.
///
/// For use by one thread at a time.
final class PictureDecoder {
    private let jpeg = JPEGDecoder()

    // See ByteBlock.
    @inline(never)
    init() {}

    /// Decodes an image to 8-bit RGB.
    ///
    /// - Parameters:
    ///   - halvings: how often a JPEG file is halved while it is decoded, at most three times; 0 for other files.
    ///   - isQuick: takes shortcuts in decoding a JPEG file.
    ///   - output: memory for the pixels, three bytes each.
    func decode(
        _ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, halvings: Int = 0, isQuick: Bool = false,
        into output: UnsafeMutablePointer<UInt8>, name: String
    ) throws {
        defer { withExtendedLifetime(self) {} }
        if let layout = header.jpeg {
            try jpeg.decode(
                bytes, width: header.width, height: header.height, components: layout.components, halvings: halvings,
                isQuick: isQuick, into: output, name: name)
        } else if header.format == .png {
            try decodePNG(bytes, width: header.width, height: header.height, into: output, name: name)
        } else {
            try stored(bytes, header, name: name).writeRGB(into: output, name: name)
        }
    }

    /// Decodes an image to the values that its file stores.
    func stored(_ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, name: String) throws -> Raster {
        defer { withExtendedLifetime(self) {} }
        switch header.format {
        case .png: return try decodeStoredPNG(bytes, header, name: name)
        case .tiff: return try decodeTIFF(bytes, header, name: name)
        case .webp: return try decodeWebP(bytes, header, name: name)
        case .bmp: return try decodeBMP(bytes, header, name: name)
        case .npy: return try decodeNpy(bytes, header, name: name)
        case .jpeg:
            return try Raster(header) { pixels in
                try jpeg.decode(
                    bytes, width: header.width, height: header.height, components: header.jpeg?.components ?? 3,
                    isGrey: header.channels == 1, into: pixels.assumingMemoryBound(to: UInt8.self), name: name)
            }
        case .other, .unknown: throw header.format.refusal(name: name, isEmpty: false)
        }
    }
}
