/// Images moved by affine maps, with bicubic interpolation (a = -0.75) and reflection at the borders, as
/// `torch.nn.functional.grid_sample(mode="bicubic", padding_mode="reflection", align_corners=True)`; without a gradient.
///
/// - Parameters:
///   - image: [B, C, H, W].
///   - maps: for each image the map [a, b, c, d, e, f] from a pixel (x, y) of the result to the place (a x + b y + c,
///     d x + e y + f) that it shows; finite numbers.
/// - Returns: [B, C, H, W].
public func resampled(_ image: Tensor, maps: [[Double]]) -> Tensor {
    OperatorProfile.begin("resampled")
    defer { OperatorProfile.end() }
    precondition(
        image.shape.count == 4 && maps.count == image.shape[0] && maps.allSatisfy { $0.count == 6 },
        "resampled: \(maps.count) maps do not fit images \(image.shape)")
    let (channels, height, width) = (image.shape[1], image.shape[2], image.shape[3])
    let area = height * width
    let out = Tensor(uninitialized: image.shape)
    parallelFor(maps.count * height) { index in
        let (picture, y) = (index / height, index % height)
        let map = maps[picture]
        let source = image.pointer + picture * channels * area
        let target = out.storage.pointer + picture * channels * area + y * width
        for x in 0..<width {
            let columns = CubicTaps(map[0] * Double(x) + map[1] * Double(y) + map[2], length: width)
            let rows = CubicTaps(map[3] * Double(x) + map[4] * Double(y) + map[5], length: height)
            for channel in 0..<channels {
                let plane = source + channel * area
                var sum: Float = 0
                for row in 0..<4 {
                    let line = plane + rows.places[row] * width
                    var part: Float = 0
                    for column in 0..<4 { part += columns.weights[column] * line[columns.places[column]] }
                    sum += rows.weights[row] * part
                }
                target[channel * area + x] = sum
            }
        }
    }
    return out
}

/// The four pixels of an axis that a place between them is interpolated from.
private struct CubicTaps {
    private(set) var places = SIMD4<Int>()
    let weights: SIMD4<Float>

    init(_ place: Double, length: Int) {
        let first = place.rounded(.down)
        let t = Float(place - first)
        for tap in 0..<4 { places[tap] = Self.reflected(first + Double(tap - 1), length: length) }
        let a: Float = -0.75
        func inner(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
        func outer(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
        weights = SIMD4(outer(t + 1), inner(t), inner(1 - t), outer(2 - t))
    }

    /// A whole place beyond an end, reflected at the pixel there as often as needed.
    private static func reflected(_ place: Double, length: Int) -> Int {
        guard length > 1 else { return 0 }
        let period = Double(2 * (length - 1))
        let rest = place - (place / period).rounded(.down) * period
        return min(max(Int(min(rest, period - rest)), 0), length - 1)
    }
}
