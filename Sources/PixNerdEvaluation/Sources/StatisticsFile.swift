import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// Statistics of features as ADM's evaluation stores them: an `.npz` with `mu` [d], `sigma` [d, d], and for sFID `mu_s` and
/// `sigma_s`. `count`, the number of pictures, is this program's addition.
public struct StoredStatistics: Sendable {
    public let pool: GaussianStatistics
    public let spatial: GaussianStatistics?
    /// How many pictures they are of; nil where the file does not say.
    public let count: Int?

    public init(pool: GaussianStatistics, spatial: GaussianStatistics?, count: Int?) {
        (self.pool, self.spatial, self.count) = (pool, spatial, count)
    }

    /// The statistics in a file; nil where it holds none.
    ///
    /// - Throws: `CheckpointError` where they are not of one size, or not finite.
    init?(_ file: NpzFile) throws {
        guard let pool = try Self.statistics("mu", "sigma", in: file) else { return nil }
        self.init(
            pool: pool, spatial: try Self.statistics("mu_s", "sigma_s", in: file),
            count: file.shape(of: "count") == nil ? nil : try file.integers("count").first)
    }

    private static func statistics(
        _ meanName: String, _ covarianceName: String, in file: NpzFile
    ) throws -> GaussianStatistics? {
        guard let shape = file.shape(of: meanName) else { return nil }
        let width = shape.reduce(1, *)
        guard shape.count == 1, width > 0, file.shape(of: covarianceName) == [width, width] else {
            let other = file.shape(of: covarianceName).map { "\($0)" } ?? "missing"
            throw CheckpointError(
                "\(file.path): \(meanName) has the shape \(shape) and \(covarianceName) is \(other); [d] and [d, d] "
                    + "are expected.")
        }
        let mean = try file.elements(of: meanName).doubles()
        let covariance = try file.elements(of: covarianceName).doubles()
        guard mean.allSatisfy(\.isFinite), covariance.allSatisfy(\.isFinite) else {
            throw CheckpointError(
                "\(file.path): \(meanName) or \(covarianceName) holds numbers that are not finite; compute them anew.")
        }
        return GaussianStatistics(
            mean: mean, covariance: DoubleMatrix(rows: width, columns: width, values: covariance))
    }

    /// Writes a file that ADM's evaluation, pytorch-fid and this program read.
    ///
    /// - Throws: `CheckpointError` naming the path.
    public func write(to path: String) throws {
        let parts = [("mu", "sigma", pool)] + (spatial.map { [("mu_s", "sigma_s", $0)] } ?? [])
        let arrays = parts.flatMap { mean, covariance, statistics in
            let width = statistics.dimensions
            return [
                NpzWriter.Array(mean, .float64, [width]), NpzWriter.Array(covariance, .float64, [width, width]),
            ]
        }
        let writer = try NpzWriter(
            path: path, arrays: arrays + (count == nil ? [] : [NpzWriter.Array("count", .int64, [])]))
        for (_, _, statistics) in parts {
            try writer.append(statistics.mean)
            try writer.append(statistics.covarianceValues)
        }
        if let count { try writer.append([Int64(count)]) }
        try writer.finish()
    }
}
