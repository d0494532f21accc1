import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport

/// One side of an evaluation: images, stored statistics, or both, as in ADM's reference files.
public struct EvaluationSource: Sendable {
    public let path: String
    public let pictures: PictureSource?
    public let statistics: StoredStatistics?

    /// Images in memory, at least one and all of one size.
    ///
    /// - Parameter name: a name for the report and for messages.
    public init(_ images: [RGBImage], name: String) {
        (path, pictures, statistics) = (name, PictureSource(images, path: name), nil)
    }

    /// Opens a folder of images, shards, or an `.npz` with `arr_0`, with `mu` and `sigma`, or with both.
    ///
    /// - Parameter limit: the maximum number of images, sampled evenly.
    /// - Throws: `PixNerdError` if the path cannot be read or holds neither.
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
            throw PixNerdError(
                .malformed, "\(path)", found: "holds \(file.names.joined(separator: ", "))",
                expected: "arr_0 with images, or mu and sigma")
        }
    }
}
