import PixNerdSupport

/// A view of interleaved pixels in memory: an image or a part of one. Its creator must keep the memory alive.
struct PixelView<Value: BitwiseCopyable> {
    let base: UnsafePointer<Value>
    let width: Int
    let height: Int
    /// Values of a pixel.
    let channels: Int
    /// Distance in values from one row to the next.
    let stride: Int

    init(_ base: UnsafePointer<Value>, width: Int, height: Int, channels: Int) {
        self.init(base, width: width, height: height, channels: channels, stride: width * channels)
    }

    private init(_ base: UnsafePointer<Value>, width: Int, height: Int, channels: Int, stride: Int) {
        self.base = base
        self.width = width
        self.height = height
        self.channels = channels
        self.stride = stride
    }

    /// The part with the given columns and rows, which must lie inside the view.
    func part(columns: Range<Int>, rows: Range<Int>) -> PixelView {
        PixelView(
            base + rows.lowerBound * stride + columns.lowerBound * channels, width: columns.count, height: rows.count,
            channels: channels, stride: stride)
    }

    /// Copies the rows to contiguous memory.
    func copy(to output: UnsafeMutablePointer<Value>) {
        for row in 0..<height {
            (output + row * width * channels).update(from: base + row * stride, count: width * channels)
        }
    }
}

/// Flips an image horizontally, in place.
package func mirrorRows<Value: BitwiseCopyable>(
    _ pixels: UnsafeMutablePointer<Value>, width: Int, height: Int, channels: Int
) {
    for row in 0..<height {
        var left = pixels + row * width * channels
        var right = left + (width - 1) * channels
        while left < right {
            for channel in 0..<channels { (left[channel], right[channel]) = (right[channel], left[channel]) }
            left += channels
            right -= channels
        }
    }
}

extension ByteBlock {
    /// Memory for `count` values. Earlier contents may be lost.
    func reserve<Value: BitwiseCopyable>(_ count: Int, of type: Value.Type) -> UnsafeMutablePointer<Value> {
        UnsafeMutableRawPointer(reserve(count * MemoryLayout<Value>.stride)).assumingMemoryBound(to: type)
    }
}
