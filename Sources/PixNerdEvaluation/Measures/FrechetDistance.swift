import PixNerdSupport
import PixNerdTensors

/// The Fréchet distance of normal distributions to one of them (Dowson and Landau, 1982; Heusel et al., 2017):
///
///     d^2 = |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))
///
/// With S1 = F F^T, the eigenvalues of S1 S2 are those of the symmetric F^T S2 F, so that nothing ever becomes complex
/// and the square root takes no iteration. F is found once and serves every distance to the same distribution.
public struct FrechetDistance: Sendable {
    private let statistics: GaussianStatistics
    /// F^T [rank, d]: the eigenvectors of S1 as rows, times the roots of their eigenvalues.
    private let factor: DoubleMatrix

    /// - Throws: `EvaluationError` where the covariance holds numbers that are not finite.
    public init(to statistics: GaussianStatistics) throws {
        self.statistics = statistics
        let width = statistics.dimensions
        guard case (let values, let vectors?)? = statistics.covariance.symmetricEigen(vectors: true) else {
            throw Self.notFinite
        }
        // Of fewer pictures than features most eigenvalues are zero but for rounding, whose root is no longer small.
        let kept = values.indices.filter { values[$0] > Self.negligible(values) }
        var factor = DoubleMatrix(zeros: kept.count, width)
        for (row, index) in kept.enumerated() {
            let root = values[index].squareRoot()
            for column in 0..<width { factor[row, column] = root * vectors[index, column] }
        }
        self.factor = factor
    }

    /// The distance, not its root, as FID is given.
    ///
    /// - Throws: `EvaluationError` where the covariance holds numbers that are not finite.
    public func callAsFunction(_ other: GaussianStatistics) throws -> Double {
        precondition(
            other.dimensions == statistics.dimensions,
            "FrechetDistance: \(other.dimensions) features and \(statistics.dimensions)")
        let product = DoubleMatrix.product(
            .product(factor, other.covariance), factor, transposingSecond: true)
        guard let (values, _) = product.symmetricEigen(vectors: false) else { throw Self.notFinite }
        let least = Self.negligible(values)
        let root = values.reduce(0) { $1 > least ? $0 + $1.squareRoot() : $0 }
        let shift = zip(statistics.mean, other.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return shift + statistics.covariance.trace + other.covariance.trace - 2 * root
    }

    /// Eigenvalues up to this one are rounding errors of zero.
    private static func negligible(_ values: [Double]) -> Double {
        Double(values.count) * Double.ulpOfOne * max(values.last ?? 0, 0)
    }

    private static let notFinite = EvaluationError(
        "The covariance of the features holds numbers that are not finite; the weights or the statistics are damaged.")
}
