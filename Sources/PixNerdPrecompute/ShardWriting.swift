import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// Progress made in writing a directory of shards.
public struct ShardProgress: Sendable {
    /// Number of images whose numbers were written in this run.
    public var written = 0
    /// Number of images whose numbers already existed.
    public var kept = 0
    public var isFinished = true
}

/// Callbacks while a directory of shards is written.
public struct ShardWatcher {
    /// Receives the reason for each image that cannot be read; training skips such images.
    public var unreadable: (_ reason: String) -> Void = { _ in }
    /// Receives the number of images done, after each batch.
    public var progress: (_ done: Int) -> Void = { _ in }
    /// Called after each batch; true stops the work.
    public var shouldStop: () -> Bool = { false }

    public init() {}
}

extension ShardManifest {
    /// Writes the missing shards. Existing shards are kept, so that interrupted work resumes.
    ///
    /// - Parameters:
    ///   - batchSize: images that are read and encoded at once.
    ///   - encode: returns, for each column, the images that the rows are computed from and the rows.
    package func writeShards(
        to directory: String, _ reader: SquareReader, batchSize: Int, _ watcher: ShardWatcher,
        encode: (LoadedBatch) -> [(pictures: LoadedBatch, rows: Tensor)]
    ) throws -> ShardProgress {
        var result = ShardProgress()
        for shard in 0..<shards {
            let places = places(ofShard: shard)
            let path = Self.shardPath(shard, in: directory)
            if FileManager.default.fileExists(atPath: path) {
                result.kept += places.count
                continue
            }
            var rows = columns.map { _ in [Tensor]() }
            var fingerprints = columns.map { _ in [Int]() }
            var found: [Int] = []
            for start in stride(from: places.lowerBound, to: places.upperBound, by: batchSize) {
                if watcher.shouldStop() {
                    result.isFinished = false
                    return result
                }
                let range = start..<min(start + batchSize, places.upperBound)
                if let batch = reader.read(range, unreadable: watcher.unreadable) {
                    for (column, encoded) in encode(batch).enumerated() {
                        rows[column].append(encoded.rows)
                        fingerprints[column] += encoded.pictures.fingerprints.map { Int(Int64(bitPattern: $0)) }
                    }
                    found += batch.indices
                }
                watcher.progress(range.upperBound)
            }
            try write(rows, fingerprints, places: found, to: path)
            result.written += places.count
        }
        return result
    }

    private func write(_ rows: [[Tensor]], _ fingerprints: [[Int]], places: [Int], to path: String) throws {
        if let bad = rows.joined().firstIndex(where: { !$0.isFinite }) {
            throw PixNerdError(
                .notFinite, "The encoder's \(Self.subject) for \(path)", found: "are not finite (\(bad))",
                advice: "check its weights")
        }
        // A shard without readable images is represented by one empty row.
        let isEmpty = places.isEmpty
        let tensors = zip(columns, rows).map { column, rows in
            (column.name, isEmpty ? Tensor(zeros: [1] + column.shape) : Tensor.concatenated(rows))
        }
        let integers =
            [(ShardFile.places, isEmpty ? [-1] : places)]
            + zip(columns, fingerprints).map { ($0.fingerprints, isEmpty ? [0] : $1) }
        try SafetensorsWriter.write(
            tensors, as: type, integers: integers.map { (name: $0.0, shape: [$0.1.count], values: $0.1) },
            metadata: ["encoder": weights], to: path)
    }
}
