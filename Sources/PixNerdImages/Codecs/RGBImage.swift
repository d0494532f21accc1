/// An 8-bit RGB image: rows from top to bottom, three interleaved bytes per pixel, no padding.
public struct RGBImage: Sendable, Equatable {
    /// Columns, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    /// The pixels, `height * width * 3` bytes.
    public var pixels: [UInt8] {
        // Must not use the old value, or every change of a pixel would copy the whole image.
        didSet { precondition(pixels.count == width * height * 3, "RGBImage: the number of bytes must not change") }
    }

    /// - Parameters:
    ///   - width: columns, at least 1.
    ///   - height: rows, at least 1.
    ///   - pixels: `height * width * 3` bytes.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0, "RGBImage: a size of \(width) x \(height) is not an image")
        precondition(
            pixels.count == width * height * 3,
            "RGBImage: \(width) x \(height) pixels take \(width * height * 3) bytes, not \(pixels.count)")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// Creates an image of one colour.
    public init(width: Int, height: Int, fill color: (UInt8, UInt8, UInt8)) {
        precondition(width > 0 && height > 0, "RGBImage: a size of \(width) x \(height) is not an image")
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            for i in 0..<width * height {
                buffer[3 * i] = color.0
                buffer[3 * i + 1] = color.1
                buffer[3 * i + 2] = color.2
            }
            count = width * height * 3
        }
        self.init(width: width, height: height, pixels: bytes)
    }

    /// The part of the image whose upper left corner is (x, y).
    ///
    /// The part must lie inside the image.
    public func cropped(x: Int, y: Int, width: Int, height: Int) -> RGBImage {
        precondition(
            x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= self.width && y + height <= self.height,
            "RGBImage.cropped: \(width) x \(height) at (\(x), \(y)) does not lie in \(self.width) x \(self.height)")
        if width == self.width && height == self.height { return self }
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            pixels.withUnsafeBufferPointer { source in
                for row in 0..<height {
                    let from = ((y + row) * self.width + x) * 3
                    (buffer.baseAddress! + row * width * 3).initialize(
                        from: source.baseAddress! + from, count: width * 3)
                }
            }
            count = width * height * 3
        }
        return RGBImage(width: width, height: height, pixels: bytes)
    }

    /// The image as it is to be shown by an orientation.
    func turned(_ orientation: PictureOrientation) -> RGBImage {
        guard orientation != .asStored else { return self }
        let bytes = [UInt8](unsafeUninitializedCapacity: pixels.count) { buffer, count in
            orientation.turn(pixels, width: width, height: height, pixelSize: 3, into: buffer.baseAddress!)
            count = pixels.count
        }
        let shown = orientation.shown(width: width, height: height)
        return RGBImage(width: shown.width, height: shown.height, pixels: bytes)
    }
}
