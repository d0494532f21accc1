import PixNerdTensors

/// Improved precision and recall (Kynkaanniemi et al., NeurIPS 2019): which images of one side lie in the manifold of
/// the other, the union of balls around its images with radii up to their k-th nearest neighbours.
public struct PrecisionRecall: Sendable {
    /// Whether each generated image lies in the manifold of the real images.
    public let isPlausible: [Bool]
    /// Whether each real image lies in the manifold of the generated images.
    public let isCovered: [Bool]

    /// Fraction of the generated images that look real.
    public var precision: Double { Self.part(isPlausible) }
    /// Fraction of the real images that could have been generated.
    public var recall: Double { Self.part(isCovered) }

    /// - Parameters:
    ///   - real: features [N, d], more than `neighbor` of them.
    ///   - generated: features [M, d], more than `neighbor` of them.
    ///   - neighbor: k; 3 in the paper and in ADM's evaluation.
    public init(real: Tensor, generated: Tensor, neighbor: Int = 3) {
        precondition(
            neighbor > 0 && min(real.shape[0], generated.shape[0]) > neighbor,
            "PrecisionRecall: neighbour \(neighbor) of \(real.shape) and \(generated.shape)")
        // Centring both sides leaves distances unchanged, but reduces the rounding errors of the matmul.
        let center = Self.mean(real)
        let real = Manifold(real, center: center, neighbor: neighbor)
        let generated = Manifold(generated, center: center, neighbor: neighbor)
        isPlausible = real.contains(generated)
        isCovered = generated.contains(real)
    }

    private static func part(_ flags: [Bool]) -> Double { Double(flags.count { $0 }) / Double(flags.count) }

    private static func mean(_ features: Tensor) -> [Float] {
        let (rows, width) = (features.shape[0], features.shape[1])
        return features.withUnsafeBuffer { values in
            var sum = [Double](repeating: 0, count: width)
            for row in 0..<rows {
                for column in 0..<width { sum[column] += Double(values[row * width + column]) }
            }
            return sum.map { Float($0 / Double(rows)) }
        }
    }
}

/// Points, each with a ball around it.
private struct Manifold {
    /// [N, d], minus the centre.
    private let points: Tensor
    private let squaredNorms: [Float]
    private var squaredRadii: [Float] = []
    private static let rowsAtOnce = 512

    init(_ features: Tensor, center: [Float], neighbor: Int) {
        let (rows, width) = (features.shape[0], features.shape[1])
        var points = features.copied()
        var norms = [Float](repeating: 0, count: rows)
        points.withUnsafeMutableBuffer { points in
            for row in 0..<rows {
                var norm = 0.0
                for column in 0..<width {
                    points[row * width + column] -= center[column]
                    norm += Double(points[row * width + column]) * Double(points[row * width + column])
                }
                norms[row] = Float(norm)
            }
        }
        self.points = points
        squaredNorms = norms
        // The nearest neighbour of a point in its own set is the point itself.
        squaredRadii = forEachPoint(of: self) { distances in Self.smallest(neighbor + 1, of: distances) }
    }

    /// Whether each point of another manifold lies in one of the balls.
    func contains(_ other: Manifold) -> [Bool] {
        squaredRadii.withUnsafeBufferPointer { radii in
            forEachPoint(of: other) { distances in
                for i in distances.indices where distances[i] <= radii[i] { return true }
                return false
            }
        }
    }

    /// Calls `body` for each point of another manifold, with the squared distances to all points of this one.
    private func forEachPoint<R: Sendable>(
        of other: Manifold, _ body: (UnsafeBufferPointer<Float>) -> R
    ) -> [R] {
        let count = points.shape[0]
        return stride(from: 0, to: other.points.shape[0], by: Self.rowsAtOnce).flatMap { first in
            let rows = first..<min(first + Self.rowsAtOnce, other.points.shape[0])
            var products = linear(other.points.rows(rows), weight: points, bias: nil)
            return products.withUnsafeMutableBuffer { products in
                // Sound: each index writes to its own row.
                nonisolated(unsafe) let products = products
                return parallelMap(rows.count) { row in
                    let distances = UnsafeMutableBufferPointer(rebasing: products[row * count..<(row + 1) * count])
                    let norm = other.squaredNorms[rows.lowerBound + row]
                    squaredNorms.withUnsafeBufferPointer { norms in
                        for i in 0..<count { distances[i] = max(norm + norms[i] - 2 * distances[i], 0) }
                    }
                    return body(UnsafeBufferPointer(distances))
                }
            }
        }
    }

    /// The k-th smallest value.
    private static func smallest(_ k: Int, of values: UnsafeBufferPointer<Float>) -> Float {
        var least = [Float](repeating: .infinity, count: k)
        for value in values where value < least[k - 1] {
            var place = k - 1
            while place > 0 && least[place - 1] > value {
                least[place] = least[place - 1]
                place -= 1
            }
            least[place] = value
        }
        return least[k - 1]
    }
}
