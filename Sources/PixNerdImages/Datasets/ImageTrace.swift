import PixNerdSupport

/// What is kept of an image to find it again: the fingerprint of its file, and a thumbnail.
struct ImageTrace: Sendable {
    /// Columns and rows of the thumbnail.
    static let side = 8

    /// Fingerprint of the bytes of the file.
    let file: UInt64
    /// Means of the cells of a grid over the image, row by row in 8-bit RGB.
    let thumbnail: [UInt8]
    /// Which cells are brighter than the mean of all, one bit each.
    let outline: UInt64

    /// - Parameter value: returns the level of a colour of a pixel, 0 ... 255.
    init(
        file: UnsafeRawBufferPointer, width: Int, height: Int,
        value: (_ x: Int, _ y: Int, _ color: Int) -> Float
    ) {
        var fingerprint = Fingerprint()
        fingerprint.add(file)
        self.file = fingerprint.bits
        /// The pixels of a cell: at least one, also of an image with fewer pixels than cells.
        func range(_ cell: Int, _ count: Int) -> Range<Int> {
            let first = min(cell * count / Self.side, count - 1)
            return first..<max(first + 1, (cell + 1) * count / Self.side)
        }
        thumbnail = (0..<Self.side * Self.side).flatMap { cell -> [UInt8] in
            let (rows, columns) = (range(cell / Self.side, height), range(cell % Self.side, width))
            return (0..<3).map { color in
                var sum: Float = 0
                for y in rows { for x in columns { sum += value(x, y, color) } }
                let mean = sum / Float(rows.count * columns.count)
                return mean > 0 ? UInt8(min(mean + 0.5, 255)) : 0
            }
        }
        outline = Self.outline(thumbnail)
    }

    private static func outline(_ thumbnail: [UInt8]) -> UInt64 {
        let levels = stride(from: 0, to: thumbnail.count, by: 3).map { place in
            thumbnail[place..<place + 3].reduce(0) { $0 + Int($1) }
        }
        let sum = levels.reduce(0, +)
        var bits: UInt64 = 0
        for level in levels { bits = bits << 1 | (level * levels.count > sum ? 1 : 0) }
        return bits
    }

    /// Whether two images show nearly the same: their cells differ by at most 3 levels in the mean.
    func isNear(_ other: ImageTrace) -> Bool {
        var difference = 0
        for (one, another) in zip(thumbnail, other.thumbnail) { difference += abs(Int(one) - Int(another)) }
        return difference <= 3 * thumbnail.count
    }
}
