import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// How far the writing of a directory came.
public struct ShardProgress: Sendable {
    /// Pictures whose numbers were written now, and those that were there.
    public var written = 0
    public var kept = 0
    public var isFinished = true
}

/// What is told and asked while a directory is written.
public struct ShardWatcher {
    /// Told the reason for each picture that cannot be read; training leaves such pictures out.
    public var unreadable: (_ reason: String) -> Void = { _ in }
    /// Told the pictures that are done, after each batch.
    public var progress: (_ done: Int) -> Void = { _ in }
    /// Asked after each batch.
    public var shouldStop: () -> Bool = { false }

    public init() {}
}

extension ShardManifest {
    /// Writes the shards that are missing; those that are there are left as they are, so that work that was stopped goes
    /// on where it stood.
    ///
    /// - Parameters:
    ///   - batchSize: pictures that are read and encoded at once.
    ///   - encode: for each column, the pictures that its rows are made from, and the rows.
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
            throw TrainingError(
                "The encoder gives \(Self.subject) that are not finite numbers (\(bad), for \(path)); its weights are "
                    + "damaged.")
        }
        // A shard without a readable picture keeps its place by an empty row.
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
