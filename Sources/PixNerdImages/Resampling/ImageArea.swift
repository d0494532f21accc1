/// A rectangle of an image's pixels.
public struct ImageArea: Sendable, Equatable {
    public let rows: Range<Int>
    public let columns: Range<Int>

    public init(rows: Range<Int>, columns: Range<Int>) {
        self.rows = rows
        self.columns = columns
    }

    /// Number of pixels.
    public var count: Int { rows.count * columns.count }

    /// The rectangle in the flipped image.
    func mirrored(width: Int) -> ImageArea {
        ImageArea(rows: rows, columns: width - columns.upperBound..<width - columns.lowerBound)
    }
}
