import PixNerdSupport
import PixNerdTensors

/// Squared Fréchet distance between normal distributions, of which one is fixed (Dowson and Landau, 1982; Heusel et
/// al., 2017):
///
///     d^2 = |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))
///
/// With S1 = F F^T, the eigenvalues of S1 S2 are those of the symmetric F^T S2 F, so nothing ever becomes complex and
/// the matrix square root needs no iteration. F is computed once and serves every distance to the fixed distribution.
public struct FrechetDistance: Sendable {
    private let statistics: GaussianStatistics
    /// F^T [rank, d]: the eigenvectors of S1 as rows, times the square roots of their eigenvalues.
    private let factor: DoubleMatrix

    /// - Throws: `PixNerdError` if the covariance is not finite.
    public init(to statistics: GaussianStatistics) throws {
        self.statistics = statistics
        let width = statistics.dimensions
        guard case (let values, let vectors?)? = statistics.covariance.symmetricEigen(vectors: true) else {
            throw Self.notFinite
        }
        // With fewer images than features most eigenvalues are zero up to rounding, whose square roots are no longer
        // small.
        let kept = values.indices.filter { values[$0] > Self.negligible(values) }
        var factor = DoubleMatrix(zeros: kept.count, width)
        for (row, index) in kept.enumerated() {
            let root = values[index].squareRoot()
            for column in 0..<width { factor[row, column] = root * vectors[index, column] }
        }
        self.factor = factor
    }

    /// The squared distance, as FID is reported.
    ///
    /// - Throws: `PixNerdError` if the covariance is not finite.
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

    /// Bound below which eigenvalues are rounding errors of zero.
    private static func negligible(_ values: [Double]) -> Double {
        Double(values.count) * Double.ulpOfOne * max(values.last ?? 0, 0)
    }

    private static let notFinite = PixNerdError(
        .notFinite, "The covariance of the features", found: "holds numbers that are not finite",
        advice: "check the weights and the statistics")
}
