import Checkpoints
import Foundation
import Images
import Tensors

/// What a directory of features is of; `features.json` in it.
public struct FeatureManifest: Codable, Sendable, Equatable {
    /// The fingerprint of the encoder's weights.
    public var encoder: String
    /// Such as "ViT-B/14".
    public var encoderName: String
    /// The width of the features.
    public var width: Int
    /// Rows, and columns, of the grid of features.
    public var grid: Int
    /// The side of the pictures' middle squares in pixels.
    public var imageSize: Int
    public var basePatch: Int
    public var fastDecode: Bool
    /// How many pictures there are, and a fingerprint of their names in order.
    public var pictures: Int
    public var names: String
    public var picturesPerShard: Int

    enum CodingKeys: String, CodingKey {
        case encoder, width, grid, pictures, names
        case encoderName = "encoder_name"
        case imageSize = "image_size"
        case basePatch = "base_patch"
        case fastDecode = "fast_decode"
        case picturesPerShard = "pictures_per_shard"
    }

    static func path(in directory: String) -> String { "\(directory)/features.json" }

    static func shardPath(_ shard: Int, in directory: String) -> String {
        let digits = String(shard)
        return "\(directory)/features-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).safetensors"
    }

    var shards: Int { (pictures + picturesPerShard - 1) / picturesPerShard }

    /// The pictures of a shard, by their places in the collection.
    func places(ofShard shard: Int) -> Range<Int> {
        shard * picturesPerShard..<min(pictures, (shard + 1) * picturesPerShard)
    }

    /// A fingerprint of the names of a collection's pictures, wherever its folder stands.
    static func names(of pictures: ImageCollection) -> String {
        var fingerprint = Fingerprint()
        for sample in pictures.samples {
            fingerprint.add(
                sample.name.hasPrefix(pictures.root) ? String(sample.name.dropFirst(pictures.root.count)) : sample.name)
        }
        return fingerprint.text
    }

    /// Reads `features.json`; nil where there is none.
    ///
    /// - Throws: `TrainingError` where it is something else.
    static func read(in directory: String) throws -> FeatureManifest? {
        let path = Self.path(in: directory)
        guard let json = try? Data(contentsOf: URL(fileURLWithPath: path)) else { return nil }
        guard let manifest = try? JSONDecoder().decode(FeatureManifest.self, from: json), manifest.picturesPerShard > 0,
            manifest.width > 0, manifest.grid > 0
        else { throw TrainingError("\(path) is not what pixnerd encode features writes; make the features anew.") }
        return manifest
    }
}

/// The fingerprint of each picture's pixels, by which features are known to be of them.
func pixelFingerprints(_ batch: LoadedBatch) -> [UInt64] {
    let size = batch.imageSize * batch.imageSize * 3
    return batch.pixels.withUnsafeBytes { pixels in
        (0..<batch.count).map { picture in
            var fingerprint = Fingerprint()
            fingerprint.add(UnsafeRawBufferPointer(rebasing: pixels[picture * size..<(picture + 1) * size]))
            return fingerprint.bits
        }
    }
}

/// Features that `pixnerd encode features` wrote: float16, in shards.
///
/// Each stands with the fingerprint of the pixels that it was made from, so that a picture that has changed since, or is
/// cropped otherwise, is noticed.
final class FeatureCache {
    let path: String
    let manifest: FeatureManifest
    private let pictures: ImageCollection
    private var shards: [Int: Shard] = [:]

    /// An opened shard.
    private struct Shard {
        let file: SafetensorsFile
        let features: StoredElements
        /// The place of each picture of the collection, in ascending order, and the fingerprint of its pixels.
        let places: [Int]
        let pixels: [Int]
    }

    /// Opens the directory and checks that it is complete and of these pictures.
    // Never inlined: see MappedFile.
    @inline(never)
    init(path: String, pictures: ImageCollection) throws {
        self.path = path
        self.pictures = pictures
        guard let manifest = try FeatureManifest.read(in: path) else {
            throw TrainingError(
                "\(path) holds no features.json; name a directory that pixnerd encode features made, or leave "
                    + "repa.features empty.")
        }
        self.manifest = manifest
        guard manifest.pictures == pictures.samples.count, manifest.names == FeatureManifest.names(of: pictures) else {
            throw TrainingError(
                "\(path) holds features of other pictures (\(manifest.pictures)) than \(pictures.root) has "
                    + "(\(pictures.samples.count)); make them anew with pixnerd encode features.")
        }
        let missing = (0..<manifest.shards).first { shard in
            !FileManager.default.fileExists(atPath: FeatureManifest.shardPath(shard, in: path))
        }
        if let missing {
            throw TrainingError(
                "\(FeatureManifest.shardPath(missing, in: path)) is missing; the same pixnerd encode features completes "
                    + "the directory.")
        }
    }

    /// Checks that the features are of the squares that a run sees, on the grid of its patches.
    func check(_ configuration: Configuration) throws {
        let data = configuration.data
        guard data.crop == .center, !data.flip else {
            let setting = data.flip ? "data.flip is true" : "data.crop is \(data.crop.rawValue)"
            throw TrainingError(
                "\(path) holds features of the middle of each picture, but \(setting), which shows others; set "
                    + "\(data.flip ? "data.flip to false" : "data.crop to center"), or leave repa.features empty to run "
                    + "the encoder in the step.")
        }
        let differences: [(String, String, String)] = [
            ("data.image_size", String(data.imageSize), String(manifest.imageSize)),
            ("data.fast_decode", String(data.fastDecode), String(manifest.fastDecode)),
            ("repa.base_patch", String(configuration.basePatch), String(manifest.basePatch)),
        ]
        if let (key, asked, own) = differences.first(where: { $0.1 != $0.2 }) {
            throw TrainingError(
                "\(path) holds features for \(key) \(own), and \(key) is \(asked); make them anew with pixnerd encode "
                    + "features, or leave repa.features empty.")
        }
    }

    /// The features of a batch's pictures: [B, N, E].
    ///
    /// - Throws: `TrainingError` where a picture is not the one that the features were made from.
    func features(of batch: LoadedBatch) throws -> Tensor {
        let size = manifest.grid * manifest.grid * manifest.width
        var features = Tensor(uninitialized: [batch.count, manifest.grid * manifest.grid, manifest.width])
        let pixels = pixelFingerprints(batch)
        try features.withUnsafeMutableBuffer { features in
            for (picture, place) in batch.indices.enumerated() {
                let shard = try shard(place / manifest.picturesPerShard)
                guard let row = shard.places.firstIndex(of: place),
                    UInt64(bitPattern: Int64(shard.pixels[row])) == pixels[picture]
                else {
                    throw TrainingError(
                        "\(path): \(pictures.samples[place].name) is not the picture that its features were made from; "
                            + "make the features anew with pixnerd encode features.")
                }
                shard.features.floats(
                    from: row * size,
                    into: UnsafeMutableBufferPointer(rebasing: features[picture * size..<(picture + 1) * size]))
            }
        }
        return features
    }

    private func shard(_ index: Int) throws -> Shard {
        if let shard = shards[index] { return shard }
        let file = try SafetensorsFile(path: FeatureManifest.shardPath(index, in: path))
        let places = try file.integers("places")
        let shard = Shard(
            file: file, features: try file.elements(of: "features"), places: places,
            pixels: try file.integers("pixels"))
        guard shard.features.shape == [places.count, manifest.grid * manifest.grid, manifest.width],
            shard.pixels.count == places.count
        else {
            throw TrainingError(
                "\(file.path) holds features of the shape \(shard.features.shape), which is not what features.json says; "
                    + "make the features anew.")
        }
        shards[index] = shard
        return shard
    }
}
