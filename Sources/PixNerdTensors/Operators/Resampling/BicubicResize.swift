import CPixNerdKernels

/// Images resized by bicubic interpolation, as `torch.nn.functional.interpolate(mode="bicubic")` with half-pixel
/// centers; without a gradient.
///
/// - Parameters:
///   - image: [B, C, H, W].
///   - kernel: the interpolation kernel.
/// - Returns: [B, C, height, width].
public func resizedBicubic(
    _ image: Tensor, height: Int, width: Int, kernel: BicubicKernel = .plain
) -> Tensor {
    precondition(image.shape.count == 4, "resizedBicubic: \(image.shape) is not [B, C, H, W]")
    return resized(
        image.reshaped([image.shape[0] * image.shape[1], image.shape[2], image.shape[3], 1]),
        rows: kernel.taps(from: image.shape[2], to: height), columns: kernel.taps(from: image.shape[3], to: width)
    ).reshaped([image.shape[0], image.shape[1], height, width])
}

/// A grid of vectors, such as position embeddings, resized by bicubic interpolation; without a gradient.
///
/// - Parameters:
///   - grid: [H, W, D].
///   - rows: the new number of rows.
///   - columns: the new number of columns.
///   - kernel: the interpolation kernel.
///   - scale: the ratio of new to old coordinates along both axes; nil for the ratio of the sizes.
/// - Returns: [rows, columns, D].
public func resizedBicubic(
    grid: Tensor, rows: Int, columns: Int, kernel: BicubicKernel = .plain, scale: (rows: Double, columns: Double)? = nil
) -> Tensor {
    precondition(grid.shape.count == 3, "resizedBicubic: \(grid.shape) is not [rows, columns, D]")
    return resized(
        grid.reshaped([1] + grid.shape), rows: kernel.taps(from: grid.shape[0], to: rows, scale: scale?.rows),
        columns: kernel.taps(from: grid.shape[1], to: columns, scale: scale?.columns)
    ).reshaped([rows, columns, grid.shape[2]])
}

/// A kernel of bicubic interpolation (Keys, IEEE Transactions on Acoustics, Speech and Signal Processing, 1981).
public enum BicubicKernel: Sendable {
    /// Four neighbors at any scale, a = -0.75. Positions outside the image count as its border.
    case plain
    /// Widened to the cell size of the new grid if that is larger, a = -0.5. Positions outside the image are left out.
    case antialiased

    /// The value of the cubic convolution kernel at a distance.
    private func weight(_ distance: Double) -> Double {
        let (x, a) = (abs(distance), self == .plain ? -0.75 : -0.5)
        if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0
    }

    /// The interpolation weights along an axis.
    fileprivate func taps(from length: Int, to newLength: Int, scale: Double? = nil) -> AxisTaps {
        let cell = scale.map { 1 / $0 } ?? Double(length) / Double(newLength)
        let stretch = self == .antialiased ? max(cell, 1) : 1
        return AxisTaps(length: length, newLength: newLength) { place in
            let center = cell * (Double(place) + 0.5)
            guard self == .antialiased else {
                let first = Int((center - 0.5).rounded(.down)) - 1
                return (first..<first + 4).map { (min(max($0, 0), length - 1), weight(Double($0) + 0.5 - center)) }
            }
            let first = max(Int(center - 2 * stretch + 0.5), 0)
            let end = min(Int(center + 2 * stretch + 0.5), length)
            let weights = (first..<end).map { weight((Double($0) + 0.5 - center) / stretch) }
            let sum = weights.reduce(0, +)
            return zip(first..<end, weights).map { ($0, $1 / sum) }
        }
    }
}

/// The interpolation weights of each position along a new axis: equally many adjacent positions of the old axis.
private struct AxisTaps {
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

    /// Interpolates along an axis whose elements are vectors of `inner` floats.
    func run(inner: Int, _ x: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
        pn_resample_axis(count, taps, inner, starts, weights, x, out)
    }
}

/// Resizes [P, H, W, D] to [P, H', W', D], first along the width and then along the height.
private func resized(_ x: Tensor, rows: AxisTaps, columns: AxisTaps) -> Tensor {
    OperatorProfile.begin("resizedBicubic")
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
