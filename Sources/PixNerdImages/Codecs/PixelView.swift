/// A view of interleaved 8-bit RGB in memory: an image or a part of one. Its creator must keep the memory alive.
struct PixelView {
    let base: UnsafePointer<UInt8>
    let width: Int
    let height: Int
    /// Distance in bytes from one row to the next.
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

    /// The part with the given columns and rows, which must lie inside the view.
    func part(columns: Range<Int>, rows: Range<Int>) -> PixelView {
        PixelView(
            base + rows.lowerBound * stride + columns.lowerBound * 3, width: columns.count, height: rows.count,
            stride: stride)
    }

    /// Copies the rows to contiguous memory.
    func copy(to output: UnsafeMutablePointer<UInt8>) {
        for row in 0..<height {
            (output + row * width * 3).update(from: base + row * stride, count: width * 3)
        }
    }
}

/// Flips an image horizontally, in place.
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
