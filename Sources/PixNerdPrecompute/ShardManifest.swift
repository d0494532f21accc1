import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// What a directory of numbers that were computed ahead of training is of: a JSON file in it.
///
/// The numbers lie in shards, each of as many pictures of a collection in its order. Each picture's stand with the
/// fingerprint of the pixels that they were made from, so that one that has changed since, or is cropped otherwise, is
/// noticed.
package protocol ShardManifest: Codable, Sendable, Equatable {
    /// What the numbers are, as the command and the names of the files say it: "features".
    static var subject: String { get }

    /// How many pictures there are, and a fingerprint of their names in order.
    var pictures: Int { get }
    var names: String { get }
    var picturesPerShard: Int { get }
    /// What is kept of each picture.
    var columns: [ShardColumn] { get }
    var type: ElementType { get }
    /// The fingerprint of the weights that the numbers were made by.
    var weights: String { get }
}

/// A tensor of a shard: a row for each picture.
package struct ShardColumn: Equatable {
    package let name: String
    /// The tensor that holds the fingerprint of the pixels that each row was made from.
    package let fingerprints: String
    /// Of a row.
    package let shape: [Int]

    /// Numbers of a row.
    package var count: Int { shape.reduce(1, *) }
}

extension ShardManifest {
    /// The command that writes such a directory.
    package static var command: String { "pixnerd encode \(subject)" }

    package static func path(in directory: String) -> String { "\(directory)/\(subject).json" }

    package static func shardPath(_ shard: Int, in directory: String) -> String {
        "\(directory)/\(subject)-\(shard.zeroPadded(to: 6)).safetensors"
    }

    /// About as many bytes go into a shard, and at most so many pictures.
    private static var shardBytes: Int { 64 << 20 }
    private static var mostPicturesPerShard: Int { 4096 }

    package static func picturesPerShard(pictureBytes: Int) -> Int {
        min(mostPicturesPerShard, max(1, shardBytes / pictureBytes))
    }

    /// Bytes of all numbers.
    package var bytes: Int { pictures * columns.reduce(0) { $0 + $1.count } * type.size }

    package var shards: Int { (pictures + picturesPerShard - 1) / picturesPerShard }

    /// The pictures of a shard, by their places in the collection.
    package func places(ofShard shard: Int) -> Range<Int> {
        shard * picturesPerShard..<min(pictures, (shard + 1) * picturesPerShard)
    }

    /// Reads the manifest of a directory; nil where there is none.
    ///
    /// - Throws: `TrainingError` where it is something else.
    package static func read(in directory: String) throws -> Self? {
        let path = path(in: directory)
        guard let json = try? Data(contentsOf: URL(fileURLWithPath: path)) else { return nil }
        guard let manifest = try? JSONDecoder().decode(Self.self, from: json), manifest.picturesPerShard > 0,
            manifest.columns.allSatisfy({ $0.shape.allSatisfy { $0 > 0 } })
        else { throw TrainingError("\(path) is not what \(command) writes; make the \(subject) anew.") }
        return manifest
    }

    /// Makes a directory of this manifest, or takes up one that was begun for the same.
    ///
    /// - Throws: `TrainingError` where the directory holds something else.
    package func takeUp(in directory: String) throws {
        if let found = try Self.read(in: directory) {
            guard found == self else {
                throw TrainingError(
                    "\(directory) holds \(Self.subject) of another encoder, of other pictures, or of another size or type; "
                        + "name another directory, or remove it.")
            }
            return
        }
        guard (try? FileManager.default.contentsOfDirectory(atPath: directory))?.isEmpty ?? true else {
            throw TrainingError(
                "\(directory) is there already and holds something other than \(Self.subject); name another.")
        }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw TrainingError("\(directory) cannot be made: \(systemReason(error)).")
        }
        let coder = JSONEncoder()
        coder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        let json = try coder.encode(self)
        try AtomicFile.write(json, to: Self.path(in: directory))
    }
}

extension ImageCollection {
    /// A fingerprint of the names of the pictures, wherever their folder stands.
    package var namesFingerprint: String {
        var fingerprint = Fingerprint()
        for sample in samples {
            fingerprint.add(sample.name.hasPrefix(root) ? String(sample.name.dropFirst(root.count)) : sample.name)
        }
        return fingerprint.text
    }
}

extension LoadedBatch {
    /// The fingerprint of each picture's pixels, by which numbers are known to be made from them.
    package var fingerprints: [UInt64] {
        let size = imageSize * imageSize * 3
        return pixels.withUnsafeBytes { pixels in
            (0..<count).map { picture in
                var fingerprint = Fingerprint()
                fingerprint.add(UnsafeRawBufferPointer(rebasing: pixels[picture * size..<(picture + 1) * size]))
                return fingerprint.bits
            }
        }
    }
}
