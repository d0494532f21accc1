/// Edges of an image as a picture of one channel, from 0 for none to 1.
public struct EdgeMap: Sendable, Equatable {
    /// Columns, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    /// The strength of the edge at each pixel, from 0 to 1, row by row.
    public let values: [Float]

    /// - Precondition: there is a value for each pixel.
    public init(width: Int, height: Int, values: [Float]) {
        precondition(
            width > 0 && height > 0 && values.count == width * height,
            "EdgeMap: \(values.count) values for \(width) x \(height) pixels")
        self.width = width
        self.height = height
        self.values = values
    }

    /// The strengths rounded to 8 bits: white edges on black.
    public var bytes: [UInt8] { values.map { UInt8((255 * min(max($0, 0), 1)).rounded()) } }

    /// The edges as colours, which are all grey.
    public var image: RGBImage {
        RGBImage(width: width, height: height, pixels: bytes.flatMap { [$0, $0, $0] })
    }

    /// The edges as a grey image of 8 bits.
    public var raster: Raster { Raster(width: width, height: height, channels: 1, element: .uint8, bytes: bytes) }
}
