import Checkpoints
import Diffusion
import Foundation
import Images
import Models
import Tensors

/// Writes the features of a whole collection of pictures into a directory, shard by shard.
///
/// Shards that are there already are left as they are, so that work that was stopped goes on where it stood.
public struct FeatureEncoding {
    public let manifest: FeatureManifest
    public let path: String
    private let encoder: DINOv2
    private let pictures: ImageCollection

    /// How far the work came.
    public struct Result: Sendable {
        /// Pictures whose features were written now, and those that were there.
        public var written = 0
        public var kept = 0
        public var isFinished = true
    }

    /// About as many bytes of features go into a shard, and at most so many pictures.
    private static let shardBytes = 64 << 20
    private static let mostPicturesPerShard = 4096

    /// Makes the directory, or takes up one that was begun for the same.
    ///
    /// - Parameters:
    ///   - imageSize: the side of the pictures' middle squares, a multiple of `basePatch`.
    ///   - basePatch: side in pixels of what becomes a patch of the encoder.
    /// - Throws: `TrainingError` where the directory holds something else.
    public init(
        _ encoder: DINOv2, _ pictures: ImageCollection, imageSize: Int, basePatch: Int, fastDecode: Bool = false,
        to path: String
    ) throws {
        if let problem = sizeProblem(imageSize, multiple: basePatch) {
            throw TrainingError("The size of the pictures \(problem)")
        }
        let grid = imageSize / basePatch
        let width = encoder.architecture.width
        self.encoder = encoder
        self.pictures = pictures
        self.path = path
        manifest = FeatureManifest(
            encoder: encoder.fingerprint, encoderName: encoder.architecture.name, width: width, grid: grid,
            imageSize: imageSize, basePatch: basePatch, fastDecode: fastDecode, pictures: pictures.samples.count,
            names: FeatureManifest.names(of: pictures),
            picturesPerShard: min(Self.mostPicturesPerShard, max(1, Self.shardBytes / (2 * grid * grid * width))))
        if let found = try FeatureManifest.read(in: path) {
            guard found == manifest else {
                throw TrainingError(
                    "\(path) holds features of another encoder, of other pictures or of another size; name another "
                        + "directory, or remove it.")
            }
            return
        }
        guard (try? FileManager.default.contentsOfDirectory(atPath: path))?.isEmpty ?? true else {
            throw TrainingError("\(path) is there already and holds something other than features; name another.")
        }
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw TrainingError("\(path) cannot be made: \(systemReason(error)).")
        }
        let coder = JSONEncoder()
        coder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        let json = try coder.encode(manifest)
        try AtomicFile.write(to: FeatureManifest.path(in: path)) { file in
            try json.withUnsafeBytes { try file.append($0) }
        }
    }

    /// Bytes of all features.
    public var bytes: Int { 2 * manifest.pictures * manifest.grid * manifest.grid * manifest.width }

    /// Encodes what is missing.
    ///
    /// - Parameters:
    ///   - batchSize: pictures that are read and encoded at once.
    ///   - unreadable: told the reason for each picture that cannot be read; training leaves such pictures out.
    ///   - progress: told the pictures that are done, after each batch.
    ///   - shouldStop: asked after each batch.
    public func run(
        batchSize: Int, unreadable: (_ reason: String) -> Void = { _ in }, progress: (_ done: Int) -> Void = { _ in },
        shouldStop: () -> Bool = { false }
    ) throws -> Result {
        let reader = SquareReader(pictures, imageSize: manifest.imageSize, fastDecode: manifest.fastDecode)
        var result = Result()
        for shard in 0..<manifest.shards {
            let places = manifest.places(ofShard: shard)
            let path = FeatureManifest.shardPath(shard, in: path)
            if FileManager.default.fileExists(atPath: path) {
                result.kept += places.count
                continue
            }
            var features: [Tensor] = []
            var (found, pixels): ([Int], [Int]) = ([], [])
            for start in stride(from: places.lowerBound, to: places.upperBound, by: batchSize) {
                if shouldStop() {
                    result.isFinished = false
                    return result
                }
                let range = start..<min(start + batchSize, places.upperBound)
                if let batch = reader.read(range, unreadable: unreadable) {
                    features.append(
                        encoder.features(of: unitRange(PixelSpace().encode(batch)), basePatch: manifest.basePatch))
                    found += batch.indices
                    pixels += pixelFingerprints(batch).map { Int(Int64(bitPattern: $0)) }
                }
                progress(range.upperBound)
            }
            try write(features, places: found, pixels: pixels, to: path)
            result.written += places.count
        }
        return result
    }

    private func write(_ features: [Tensor], places: [Int], pixels: [Int], to path: String) throws {
        if let bad = features.firstIndex(where: { !$0.isFinite }) {
            throw TrainingError(
                "The encoder gives features that are not finite numbers (batch \(bad) of \(path)); its weights are damaged."
            )
        }
        let tokens = manifest.grid * manifest.grid
        // A shard without a readable picture keeps its place by an empty one.
        let all =
            features.isEmpty ? Tensor(zeros: [1, tokens, manifest.width]) : Tensor.concatenated(features)
        let (places, pixels) = places.isEmpty ? ([-1], [0]) : (places, pixels)
        try SafetensorsWriter.write(
            [("features", all)], as: .float16,
            integers: [("places", [places.count], places), ("pixels", [pixels.count], pixels)],
            metadata: ["encoder": manifest.encoder], to: path)
    }
}
