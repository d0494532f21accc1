import Foundation
import PixNerdCheckpoints
import PixNerdSupport

/// What one side of an evaluation is: pictures, stored statistics, or both, as ADM's references have them.
public struct EvaluationSource: Sendable {
    public let path: String
    public let pictures: PictureSource?
    public let statistics: StoredStatistics?

    /// Opens a folder of pictures, shards, or an `.npz` with `arr_0`, with `mu` and `sigma`, or with both.
    ///
    /// - Parameter limit: at most so many pictures are taken, evenly spread over all.
    /// - Throws: one sentence that names what was found where.
    public init(path: String, limit: Int? = nil) throws {
        self.path = path
        guard path.lowercased().hasSuffix(".npz") else {
            pictures = try PictureSource(folder: path, limit: limit)
            statistics = nil
            return
        }
        let file = try NpzFile(path: path)
        pictures = try PictureSource(file, limit: limit)
        statistics = try StoredStatistics(file)
        guard pictures != nil || statistics != nil else {
            throw CheckpointError(
                "\(path) holds \(file.names.joined(separator: ", ")); arr_0 with pictures, or mu and sigma, are expected."
            )
        }
    }
}
