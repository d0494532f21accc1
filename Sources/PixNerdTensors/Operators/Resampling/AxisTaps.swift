import CPixNerdKernels

/// The interpolation weights of each position along a new axis: equally many adjacent positions of the old axis.
struct AxisTaps {
    let count: Int
    let taps: Int
    let starts: [Int32]
    /// [count, taps]
    let weights: [Float]

    /// - Parameter parts: positions along the old axis, which may repeat, with their weights.
    init(length: Int, newLength: Int, parts: (_ place: Int) -> [(source: Int, weight: Double)]) {
        let all = (0..<newLength).map(parts)
        let spans = all.map { part in (part.map(\.source).min()!, part.map(\.source).max()!) }
        let taps = spans.map { $0.1 - $0.0 + 1 }.max()!
        // Moved back where the taps would reach beyond the end.
        let starts = spans.map { min($0.0, length - taps) }
        var weights = [Double](repeating: 0, count: newLength * taps)
        for (place, part) in all.enumerated() {
            for (source, weight) in part { weights[place * taps + source - starts[place]] += weight }
        }
        count = newLength
        self.taps = taps
        self.starts = starts.map { Int32($0) }
        self.weights = weights.map { Float($0) }
    }

    /// Mean over the new positions of the sum of squared weights: the variance of what independent numbers of variance 1
    /// become.
    var meanSquare: Double {
        weights.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
    }

    /// Interpolates along an axis whose elements are vectors of `inner` floats.
    func run(inner: Int, _ x: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
        pn_resample_axis(count, taps, inner, starts, weights, x, out)
    }
}

/// Resizes [P, H, W, D] to [P, H', W', D], first along the width and then along the height.
func resized(_ x: Tensor, rows: AxisTaps, columns: AxisTaps) -> Tensor {
    OperatorProfile.begin("resized")
    defer { OperatorProfile.end() }
    let (planes, height, width, depth) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let out = Tensor(uninitialized: [planes, rows.count, columns.count, depth])
    let line = columns.count * depth
    parallelFor(planes) { plane in
        withWorkspace(height * line) { wide in
            for row in 0..<height {
                columns.run(inner: depth, x.pointer + (plane * height + row) * width * depth, into: wide + row * line)
            }
            rows.run(inner: line, wide, into: out.storage.pointer + plane * rows.count * line)
        }
    }
    return out
}
