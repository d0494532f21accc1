/// A picture of 8-bit red, green and blue: rows from top to bottom, three interleaved bytes a pixel, no padding.
public struct RGBImage: Sendable, Equatable {
    /// Columns, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    /// `height * width * 3` bytes.
    public var pixels: [UInt8] {
        // Must not mention the old value, which would make every change of a pixel copy the whole picture.
        didSet { precondition(pixels.count == width * height * 3, "RGBImage: the number of bytes must not change") }
    }

    /// - Parameters:
    ///   - width: columns, at least 1.
    ///   - height: rows, at least 1.
    ///   - pixels: `height * width * 3` bytes.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0, "RGBImage: a size of \(width) x \(height) is not a picture")
        precondition(
            pixels.count == width * height * 3,
            "RGBImage: \(width) x \(height) pixels take \(width * height * 3) bytes, not \(pixels.count)")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// A picture of one colour.
    public init(width: Int, height: Int, fill color: (UInt8, UInt8, UInt8)) {
        precondition(width > 0 && height > 0, "RGBImage: a size of \(width) x \(height) is not a picture")
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

    /// The part of the picture whose upper left corner is (x, y).
    ///
    /// The part must lie inside the picture.
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
}
