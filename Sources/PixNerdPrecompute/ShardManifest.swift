import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// A JSON file that describes a directory of numbers computed ahead of training.
///
/// The numbers are stored in shards, each of which covers a fixed number of images in the order of the collection.
/// Every image's numbers are stored with the fingerprint of the pixels that they were computed from, so that an image
/// that has changed since, or is cropped differently, is detected.
package protocol ShardManifest: Codable, Sendable, Equatable {
    /// Name of the numbers in commands and file names, such as "features".
    static var subject: String { get }
    /// Name of what the numbers are computed from, such as "images".
    static var items: String { get }

    /// Number of images.
    var pictures: Int { get }
    /// Fingerprint of the names of the images, in order.
    var names: String { get }
    var picturesPerShard: Int { get }
    /// The tensors stored for each image.
    var columns: [ShardColumn] { get }
    var type: ElementType { get }
    /// Whether the numbers that `columns` is computed from are within the limits of a manifest that was written here.
    var hasSoundSizes: Bool { get }
    /// Fingerprint of the weights that the numbers were computed with.
    var weights: String { get }
}

/// A tensor of a shard, with one row per image.
package struct ShardColumn: Equatable {
    package let name: String
    /// Name of the tensor with the fingerprints of the pixels that the rows were computed from.
    package let fingerprints: String
    /// Shape of a row.
    package let shape: [Int]

    /// Number of elements in a row.
    package var count: Int { shape.reduce(1, *) }
}

/// Upper limits of the numbers in a manifest, so that their products fit into integers.
enum ShardLimit {
    static let pictures = 1 << 40
    static let sides = 1...ImageFile.maximumSide
    static let widths = 1...1 << 16

    /// Checks the side of the images to encode.
    static func check(imageSize: Int) throws {
        guard sides.contains(imageSize) else {
            throw PixNerdError(
                .invalidValue, "The image size", found: "is \(imageSize)",
                expected: "a number from 1 to \(ImageFile.maximumSide)")
        }
    }
}

extension ShardManifest {
    package static var items: String { "images" }

    /// The command that writes such a directory.
    package static var command: String { "pixnerd encode \(subject)" }

    package static func path(in directory: String) -> String { "\(directory)/\(subject).json" }

    package static func shardPath(_ shard: Int, in directory: String) -> String {
        "\(directory)/\(subject)-\(shard.zeroPadded(to: 6)).safetensors"
    }

    /// Approximate size of a shard in bytes.
    private static var shardBytes: Int { 64 << 20 }
    /// Maximum number of images in a shard.
    private static var mostPicturesPerShard: Int { 4096 }

    package static func picturesPerShard(pictureBytes: Int) -> Int {
        min(mostPicturesPerShard, max(1, shardBytes / pictureBytes))
    }

    /// Size of all numbers in bytes; the largest integer if it is too large for one.
    package var bytes: Int {
        let (product, isTooLarge) = pictures.multipliedReportingOverflow(
            by: columns.reduce(0) { $0 + $1.count } * type.size)
        return isTooLarge ? .max : product
    }

    package var shards: Int { (pictures + picturesPerShard - 1) / picturesPerShard }

    /// Indices in the collection of a shard's images.
    package func places(ofShard shard: Int) -> Range<Int> {
        shard * picturesPerShard..<min(pictures, (shard + 1) * picturesPerShard)
    }

    /// Reads the manifest of a directory; nil if there is none.
    ///
    /// - Throws: `PixNerdError` if the file is not such a manifest.
    package static func read(in directory: String) throws -> Self? {
        let path = path(in: directory)
        guard isFolder(path) != nil else { return nil }
        let json = Data(try readBytes(ofFile: path))
        guard let manifest = try? JSONDecoder().decode(Self.self, from: json),
            (1...ShardLimit.pictures).contains(manifest.pictures),
            (1...ShardLimit.pictures).contains(manifest.picturesPerShard), manifest.hasSoundSizes,
            manifest.columns.allSatisfy({ $0.shape.allSatisfy { $0 > 0 } })
        else {
            throw PixNerdError(
                .malformed, "\(path)", found: "is not a manifest of \(subject)",
                advice: "regenerate the directory with \(command)")
        }
        return manifest
    }

    /// The manifest of a directory that is there.
    ///
    /// - Parameter advice: What to do if there is none.
    /// - Throws: `PixNerdError` if there is none, or it is not such a manifest.
    package static func expect(in directory: String, advice: ErrorText? = nil) throws -> Self {
        guard let manifest = try read(in: directory) else {
            throw PixNerdError(
                .notFound, "\(directory)", found: "holds no \(subject).json",
                expected: "a directory written by \(command)", advice: advice)
        }
        return manifest
    }

    /// Checks that no shard is missing.
    ///
    /// - Throws: `PixNerdError` naming the first that is.
    package func expectAllShards(in directory: String) throws {
        let missing = (0..<shards).lazy.map { Self.shardPath($0, in: directory) }
            .first { !FileManager.default.fileExists(atPath: $0) }
        guard let missing else { return }
        throw PixNerdError(
            .notFound, "\(missing)", found: "is missing",
            advice: "run the same \(Self.command) again to complete it")
    }

    /// Creates a directory with this manifest, or resumes one that was started with an equal manifest.
    ///
    /// - Throws: `PixNerdError` if the directory holds something else.
    package func takeUp(in directory: String) throws {
        if let found = try Self.read(in: directory) {
            guard found == self else {
                throw PixNerdError(
                    .mismatch, "\(directory)",
                    found:
                        "holds \(Self.subject) of another encoder, of other \(Self.items), or of another size or type",
                    advice: "choose another directory, or remove it")
            }
            return
        }
        guard (try? FileManager.default.contentsOfDirectory(atPath: directory))?.isEmpty ?? true else {
            throw PixNerdError(
                .alreadyExists, "\(directory)", found: "already exists and holds something other than \(Self.subject)",
                advice: "choose another directory")
        }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw PixNerdError(.system, "\(directory)", found: "cannot be created: \(systemReason(error))")
        }
        try JSON.write(self, to: Self.path(in: directory))
    }
}

extension ImageCollection {
    /// Fingerprint of the image names, independent of where their folder is.
    package var namesFingerprint: String {
        var fingerprint = Fingerprint()
        for sample in samples {
            fingerprint.add(nameBelowRoot(sample))
        }
        return fingerprint.text
    }

    /// The name of an image without the root that it begins with, compared by bytes.
    package func nameBelowRoot(_ sample: Sample) -> String {
        let name = sample.name
        guard name.utf8.starts(with: root.utf8) else { return name }
        return String(decoding: name.utf8.dropFirst(root.utf8.count), as: UTF8.self)
    }
}

extension LoadedBatch {
    /// Fingerprint of each image's pixels, which shows whether stored numbers were computed from them.
    package var fingerprints: [UInt64] {
        pixels.withUnsafeBytes { pixels in
            let size = pixels.count / max(count, 1)
            return (0..<count).map { picture in
                var fingerprint = Fingerprint()
                fingerprint.add(UnsafeRawBufferPointer(rebasing: pixels[picture * size..<(picture + 1) * size]))
                return fingerprint.bits
            }
        }
    }
}
