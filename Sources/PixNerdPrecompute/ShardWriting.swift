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
    /// Receives a sentence if a second process may work on the directory at the same time.
    public var remark: (_ sentence: String) -> Void = { _ in }
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
        to directory: String, _ reader: CropReader, batchSize: Int, _ watcher: ShardWatcher,
        encode: (LoadedBatch) -> [(pictures: LoadedBatch, rows: Tensor)]
    ) throws -> ShardProgress {
        let batchSize = min(max(batchSize, 1), picturesPerShard)
        try checkMemory(batchSize, reader.imageSize)
        let lock = try WorkLock.take("\(directory)/encode.lock", of: "\(directory)", note: watcher.remark)
        defer { withExtendedLifetime(lock) {} }
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
                        try checkIsFinite(encoded.rows, of: batch, reader)
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

    /// Refuses a batch that does not fit into the memory, before any work is done.
    private func checkMemory(_ batchSize: Int, _ size: ImageSize) throws {
        // Each value of a pixel as a byte and as a float.
        let bytes = 3 * 5 * Double(batchSize) * Double(size.height) * Double(size.width)
        try AvailableMemory.expect(
            bytes, for: "A batch of \(counted(batchSize, "image")) of \(size) pixels",
            advice: "decrease the batch size or the image size")
    }

    private func checkIsFinite(_ rows: Tensor, of batch: LoadedBatch, _ reader: CropReader) throws {
        guard !rows.isFinite else { return }
        let size = rows.values.count / max(batch.count, 1)
        let bad = rows.values.firstIndex { !$0.isFinite } ?? 0
        let picture = reader.name(at: batch.indices[min(bad / max(size, 1), batch.count - 1)])
        throw PixNerdError(
            .notFinite, "The encoder", found: "gives \(Self.subject) that are not finite numbers for \(picture)",
            advice: "check its weights")
    }

    private func write(_ rows: [[Tensor]], _ fingerprints: [[Int]], places: [Int], to path: String) throws {
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
