import PixNerdTensors

/// Mean and covariance of features: the normal distribution that the Fréchet distance compares.
public struct GaussianStatistics: Sendable {
    /// [d]
    public let mean: [Double]
    /// [d, d], with N - 1 in the denominator, as in `numpy.cov`.
    package let covariance: DoubleMatrix

    /// Number of features, d.
    public var dimensions: Int { mean.count }

    /// Covariance [d, d], row by row.
    public var covarianceValues: [Double] { covariance.values }

    package init(mean: [Double], covariance: DoubleMatrix) {
        precondition(
            covariance.rows == mean.count && covariance.columns == mean.count,
            "GaussianStatistics: a mean of \(mean.count) and a covariance of \(covariance.rows) x \(covariance.columns)"
        )
        self.mean = mean
        self.covariance = covariance
    }

    /// Computes the statistics of features [N, d], N at least 2.
    ///
    /// - Parameter counts: how often each row counts, for resampling; nil for once each.
    public init(of features: Tensor, counts: [Int]? = nil) {
        var accumulator = GaussianAccumulator()
        accumulator.add(features, counts: counts)
        self = accumulator.statistics()
    }
}

/// Accumulates mean and covariance over batches of features.
///
/// Differences from the first batch's mean are summed, so that whatever all features have in common cancels before
/// squaring and not after.
public struct GaussianAccumulator: Sendable {
    /// Number of rows added.
    public private(set) var count = 0
    private var origin: [Double] = []
    private var sum: [Double] = []
    private var products = DoubleMatrix(zeros: 0, 0)
    /// Rows converted to double precision at once.
    private static let rowsAtOnce = 1024

    public init() {}

    /// Adds features [N, d].
    ///
    /// - Parameter counts: how often each row counts; nil for once each.
    public mutating func add(_ features: Tensor, counts: [Int]? = nil) {
        precondition(
            features.shape.count == 2 && (count == 0 || features.shape[1] == origin.count)
                && counts?.count ?? features.shape[0] == features.shape[0],
            "GaussianAccumulator: features of shape \(features.shape) after those of \(origin.count)")
        let (rows, width) = (features.shape[0], features.shape[1])
        features.withUnsafeBuffer { features in
            if count == 0 { begin(features, rows: rows, width: width) }
            for first in stride(from: 0, to: rows, by: Self.rowsAtOnce) {
                add(features, first..<min(first + Self.rowsAtOnce, rows), width: width, counts)
            }
        }
        count += counts?.reduce(0, +) ?? rows
    }

    private mutating func begin(_ features: UnsafeBufferPointer<Float>, rows: Int, width: Int) {
        origin = [Double](repeating: 0, count: width)
        for row in 0..<rows {
            for column in 0..<width { origin[column] += Double(features[row * width + column]) }
        }
        for column in 0..<width { origin[column] /= Double(rows) }
        sum = [Double](repeating: 0, count: width)
        products = DoubleMatrix(zeros: width, width)
    }

    private mutating func add(_ features: UnsafeBufferPointer<Float>, _ rows: Range<Int>, width: Int, _ counts: [Int]?)
    {
        var differences = [Double](repeating: 0, count: rows.count * width)
        for (place, row) in rows.enumerated() {
            let count = Double(counts?[row] ?? 1)
            let root = count.squareRoot()
            for column in 0..<width {
                let difference = Double(features[row * width + column]) - origin[column]
                sum[column] += count * difference
                differences[place * width + column] = root * difference
            }
        }
        products.addOuterProducts(differences)
    }

    /// Mean and covariance of all rows added.
    ///
    /// - Precondition: there are at least two rows.
    public func statistics() -> GaussianStatistics {
        precondition(count >= 2, "GaussianAccumulator: a covariance of \(count) rows")
        let (n, width) = (Double(count), origin.count)
        var covariance = products
        covariance.values.withUnsafeMutableBufferPointer { values in
            for row in 0..<width {
                for column in row..<width {
                    let place = row * width + column
                    values[place] = (values[place] - sum[row] * sum[column] / n) / (n - 1)
                }
            }
        }
        covariance.mirrorUpperTriangle()
        return GaussianStatistics(mean: zip(origin, sum).map { $0 + $1 / n }, covariance: covariance)
    }
}
