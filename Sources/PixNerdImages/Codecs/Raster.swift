/// An image as its file stores it: interleaved values of one type, rows from top to bottom, without padding.
public struct Raster: Sendable, Equatable {
    /// The type of the stored values.
    public enum Element: String, Sendable, Codable {
        case uint8
        case uint16
        case float32

        /// Bytes of a value.
        public var size: Int {
            switch self {
            case .uint8: 1
            case .uint16: 2
            case .float32: 4
            }
        }

        /// The stored values that are black and white: 0 and the largest integer, or 0 and 1 for floats.
        public var fullRange: ClosedRange<Float> {
            switch self {
            case .uint8: 0...255
            case .uint16: 0...65_535
            case .float32: 0...1
            }
        }
    }

    /// Columns, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    /// Values of a pixel, at least 1.
    public let channels: Int
    public let element: Element
    /// Whether the last channel is opacity.
    public let hasAlpha: Bool
    /// The values in this machine's byte order, `height * width * channels * element.size` bytes.
    public let bytes: [UInt8]

    public init(width: Int, height: Int, channels: Int, element: Element, hasAlpha: Bool = false, bytes: [UInt8]) {
        precondition(
            width > 0 && height > 0 && channels > 0 && bytes.count == width * height * channels * element.size,
            "Raster: \(bytes.count) bytes for \(width) x \(height) pixels of \(channels) \(element.rawValue)")
        self.width = width
        self.height = height
        self.channels = channels
        self.element = element
        self.hasAlpha = hasAlpha
        self.bytes = bytes
    }

    /// An image with the size, channels and type that a header told, whose bytes `fill` writes.
    init(_ header: PictureHeader, fill: (UnsafeMutableRawPointer) throws -> Void) throws {
        let bytes = try [UInt8](unsafeUninitializedCapacity: header.size) { buffer, count in
            buffer.initialize(repeating: 0)
            if let base = buffer.baseAddress { try fill(base) }
            count = header.size
        }
        self.init(
            width: header.width, height: header.height, channels: header.channels, element: header.element,
            hasAlpha: header.hasAlpha, bytes: bytes)
    }

    /// What is kept of the image to find it again.
    func trace(file: UnsafeRawBufferPointer) -> ImageTrace {
        let range = element.fullRange
        let colors = channels - (hasAlpha ? 1 : 0)
        return bytes.withUnsafeBytes { bytes in
            ImageTrace(file: file, width: width, height: height) { x, y, color in
                value((y * width + x) * channels + (colors < 3 ? 0 : color), bytes) * 255 / range.upperBound
            }
        }
    }

    /// The value of a channel of a pixel.
    ///
    /// - Parameter index: the place among all values, row by row and interleaved.
    func value(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Float {
        switch element {
        case .uint8: Float(bytes[index])
        case .uint16: Float(bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
        case .float32: bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
        }
    }
}
