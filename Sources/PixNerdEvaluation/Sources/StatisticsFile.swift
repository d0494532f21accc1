import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// Feature statistics in the format of ADM's evaluation: an `.npz` with `mu` [d], `sigma` [d, d], and for sFID `mu_s`
/// and `sigma_s`. `count`, the number of images, is an extension of this package.
public struct StoredStatistics: Sendable {
    public let pool: GaussianStatistics
    public let spatial: GaussianStatistics?
    /// Number of images behind the statistics; nil if the file does not say.
    public let count: Int?

    public init(pool: GaussianStatistics, spatial: GaussianStatistics?, count: Int?) {
        (self.pool, self.spatial, self.count) = (pool, spatial, count)
    }

    /// Reads the statistics in a file; nil if it holds none.
    ///
    /// - Throws: `PixNerdError` if their shapes do not match or they are not finite.
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
        let width = shape.first ?? 0
        guard shape.count == 1, width > 0, file.shape(of: covarianceName) == [width, width] else {
            let other = file.shape(of: covarianceName).map { "\($0)" } ?? "missing"
            throw PixNerdError(
                .malformed, "\(file.path): \(meanName)",
                found: "has the shape \(shape) and \(covarianceName) is \(other)", expected: "[d] and [d, d]")
        }
        let mean = try file.elements(of: meanName).doubles()
        let covariance = try file.elements(of: covarianceName).doubles()
        guard mean.allSatisfy(\.isFinite), covariance.allSatisfy(\.isFinite) else {
            throw PixNerdError(
                .notFinite, "\(file.path): \(meanName) or \(covarianceName)",
                found: "holds numbers that are not finite",
                advice: "compute them again")
        }
        return GaussianStatistics(
            mean: mean, covariance: DoubleMatrix(rows: width, columns: width, values: covariance))
    }

    /// Writes a file that ADM's evaluation, pytorch-fid and this package can read.
    ///
    /// - Throws: `PixNerdError` naming the path.
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
