/// Interleaved 8-bit RGB somewhere in memory: a picture or a part of one. Whoever made it keeps the memory alive.
struct PixelView {
    let base: UnsafePointer<UInt8>
    let width: Int
    let height: Int
    /// Bytes from one row to the next.
    let stride: Int

    init(_ base: UnsafePointer<UInt8>, width: Int, height: Int) {
        self.init(base, width: width, height: height, stride: width * 3)
    }

    private init(_ base: UnsafePointer<UInt8>, width: Int, height: Int, stride: Int) {
        self.base = base
        self.width = width
        self.height = height
        self.stride = stride
    }

    /// The given columns and rows, which must lie inside.
    func part(columns: Range<Int>, rows: Range<Int>) -> PixelView {
        PixelView(
            base + rows.lowerBound * stride + columns.lowerBound * 3, width: columns.count, height: rows.count,
            stride: stride)
    }

    /// Writes the rows one after another without gaps.
    func copy(to output: UnsafeMutablePointer<UInt8>) {
        for row in 0..<height {
            (output + row * width * 3).update(from: base + row * stride, count: width * 3)
        }
    }
}

/// Turns the rows of a picture round, in place.
func mirrorRows(_ pixels: UnsafeMutablePointer<UInt8>, width: Int, height: Int) {
    for row in 0..<height {
        var left = pixels + row * width * 3
        var right = left + (width - 1) * 3
        while left < right {
            for channel in 0..<3 { (left[channel], right[channel]) = (right[channel], left[channel]) }
            left += 3
            right -= 3
        }
    }
}
