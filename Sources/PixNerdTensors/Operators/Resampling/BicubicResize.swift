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
    func taps(from length: Int, to newLength: Int, scale: Double? = nil) -> AxisTaps {
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
