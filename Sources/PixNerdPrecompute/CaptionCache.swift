import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// Captions that `CaptionEncoding` encoded, in place of their encoder.
public final class CaptionCache: TextEncoding {
    public let path: String
    private let manifest: TextManifest
    private let shards: [StoredElements]
    /// The number of rows of each caption of a shard; empty where all have `length`.
    private let counts: [[Int]]
    /// The shard and the row of each caption.
    private let places: [CaptionKey: (shard: Int, row: Int)]

    /// Opens a directory that `pixnerd encode text` wrote.
    ///
    /// - Throws: `PixNerdError` if it is not complete, or damaged.
    public init(path: String) throws {
        self.path = path
        let manifest = try TextManifest.expect(in: path)
        self.manifest = manifest
        try manifest.expectAllShards(in: path)
        var (shards, places): ([StoredElements], [CaptionKey: (shard: Int, row: Int)]) = ([], [:])
        var counts: [[Int]] = []
        for shard in 0..<manifest.shards {
            let path = TextManifest.shardPath(shard, in: path)
            let (file, column) = (try SafetensorsFile(path: path), manifest.columns[0])
            let (rows, keys) = (try file.elements(of: column.name), try file.integers(column.fingerprints))
            let count = manifest.places(ofShard: shard).count
            let used = file.shape(of: TextManifest.counts) == nil ? [] : try file.integers(TextManifest.counts)
            guard rows.shape == [count] + column.shape, rows.type == manifest.type, keys.count == 2 * count,
                used.isEmpty || used.count == count, used.allSatisfy({ 1...manifest.length ~= $0 })
            else {
                throw PixNerdError(
                    .mismatch, "\(path)",
                    found:
                        "holds \(column.name) of shape \(rows.shape), which contradicts \(TextManifest.subject).json",
                    advice: "regenerate the directory with \(TextManifest.command)")
            }
            for row in 0..<count {
                places[CaptionKey(first: keys[2 * row], second: keys[2 * row + 1])] = (shard, row)
            }
            shards.append(rows)
            counts.append(used)
        }
        (self.shards, self.places, self.counts) = (shards, places, counts)
    }

    public var identity: TextEncoderIdentity { manifest.encoder }
    /// Number of rows of a caption.
    public var length: Int { manifest.length }
    /// What the rows of the empty caption attended to.
    public var emptyPrompt: EmptyPrompt { manifest.emptyPrompt }
    /// Number of different captions, with the empty one.
    public var count: Int { places.count }

    /// Whether a caption was encoded.
    public func holds(_ caption: String) -> Bool { places[CaptionKey(caption)] != nil }

    public func cutOff(_ text: String, length: Int) -> String? { nil }

    public func rows(
        of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
    ) throws -> [Tensor] {
        guard length == manifest.length, emptyPrompt == manifest.emptyPrompt else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found:
                    "holds \(manifest.length) rows a caption, with an empty prompt that \(manifest.emptyPrompt.rawValue)",
                expected: "\(length) rows, with an empty prompt that \(emptyPrompt.rawValue)",
                advice: "regenerate it with \(TextManifest.command)")
        }
        return try texts.map { text in
            guard let place = places[CaptionKey(text)] else {
                throw PixNerdError(
                    .notFound, "\(path)", found: "holds no caption '\(text.prefix(60))'",
                    advice: "the captions have changed since; regenerate it with \(TextManifest.command)")
            }
            let shape = manifest.columns[0].shape
            let used = counts[place.shard]
            var rows = Tensor(uninitialized: [used.isEmpty ? shape[0] : used[place.row], shape[1]])
            rows.withUnsafeMutableBuffer {
                shards[place.shard].floats(from: place.row * shape.reduce(1, *), into: $0)
            }
            return rows
        }
    }
}
