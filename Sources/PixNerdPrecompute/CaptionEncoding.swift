import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// Encodes all captions of a dataset, equal ones once, and writes their rows to a directory, shard by shard.
public struct CaptionEncoding {
    public let path: String
    private let manifest: TextManifest
    private let encoder: any TextEncoding
    /// Different captions, the empty one first.
    private let captions: [String]

    /// Creates the directory, or resumes one that was started with the same settings.
    ///
    /// - Parameters:
    ///   - captions: Captions in any order, also several times. The empty one, which stands for "no text", is added.
    ///   - length: Number of tokens that each caption is cut or padded to.
    ///   - emptyPrompt: What the rows of the empty caption attend to.
    /// - Throws: `PixNerdError` if the directory holds something else.
    public init(
        _ encoder: any TextEncoding, captions: some Sequence<String>, length: Int, emptyPrompt: EmptyPrompt,
        to path: String
    ) throws {
        try require("The number of tokens", length, in: 1...SizeLimits.width)
        self.encoder = encoder
        self.path = path
        // By bytes: the encoder tells spellings apart that Swift's == does not.
        let different = Set(captions.map { Array($0.utf8) }).subtracting([[]])
        self.captions =
            [""] + different.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
        var hash = Fingerprint()
        for caption in self.captions { hash.add(caption) }
        let width = encoder.identity.width
        manifest = TextManifest(
            encoder: encoder.identity, length: length, emptyPrompt: emptyPrompt, pictures: self.captions.count,
            names: hash.text, picturesPerShard: TextManifest.picturesPerShard(pictureBytes: 2 * length * width))
        try manifest.takeUp(in: path)
    }

    /// Size of all rows in bytes.
    public var bytes: Int { manifest.bytes }
    /// Number of different captions, with the empty one.
    public var count: Int { captions.count }

    /// Encodes what the missing shards hold. Existing shards are kept, so that interrupted work resumes.
    ///
    /// - Parameter batchSize: Captions that are encoded at once.
    /// - Throws: `PixNerdError` if a file cannot be written, or the encoder gives numbers that are not finite.
    public func run(batchSize: Int, _ watcher: ShardWatcher = ShardWatcher()) throws -> ShardProgress {
        let lock = try WorkLock.take("\(path)/encode.lock", of: "\(path)", note: watcher.remark)
        defer { withExtendedLifetime(lock) {} }
        var result = ShardProgress()
        for shard in 0..<manifest.shards {
            let places = manifest.places(ofShard: shard)
            let file = TextManifest.shardPath(shard, in: path)
            if FileManager.default.fileExists(atPath: file) {
                result.kept += places.count
                continue
            }
            var rows: [Tensor] = []
            for start in stride(from: places.lowerBound, to: places.upperBound, by: max(batchSize, 1)) {
                let texts = Array(captions[start..<min(start + max(batchSize, 1), places.upperBound)])
                do {
                    rows += try encode(texts, watcher)
                } catch is CancellationError {
                    result.isFinished = false
                    return result
                }
                watcher.progress(start + texts.count)
            }
            try write(rows, places, to: file)
            result.written += places.count
        }
        return result
    }

    private func encode(_ texts: [String], _ watcher: ShardWatcher) throws -> [Tensor] {
        if watcher.shouldStop() { throw CancellationError() }
        let rows = try encoder.rows(
            of: texts, length: manifest.length, emptyPrompt: manifest.emptyPrompt, isCancelled: watcher.shouldStop)
        if let bad = rows.firstIndex(where: { !$0.isFinite }) {
            throw PixNerdError(
                .notFinite, "\(encoder.identity.path)",
                found: "gives rows that are not finite numbers for the caption '\(texts[bad].prefix(40))'",
                advice: "check its weights")
        }
        return rows
    }

    private func write(_ rows: [Tensor], _ places: Range<Int>, to path: String) throws {
        let keys = captions[places].map(CaptionKey.init)
        let column = manifest.columns[0]
        var integers = [
            (name: column.fingerprints, shape: [places.count, 2], values: keys.flatMap { [$0.first, $0.second] })
        ]
        let counts = rows.map { $0.shape[0] }
        if counts.contains(where: { $0 < manifest.length }) {
            integers.append((name: TextManifest.counts, shape: [places.count], values: counts))
        }
        let padded = rows.map { $0.padded(to: manifest.length) }
        try SafetensorsWriter.write(
            [(column.name, Tensor.concatenated(padded).reshaped([places.count] + column.shape))], as: manifest.type,
            integers: integers, metadata: ["encoder": manifest.weights], to: path)
    }
}
