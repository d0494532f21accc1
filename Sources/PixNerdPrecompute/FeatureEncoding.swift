import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Writes the features of a whole collection of pictures into a directory, shard by shard.
public struct FeatureEncoding {
    public let path: String
    private let manifest: FeatureManifest
    private let encoder: DINOv2
    private let pictures: ImageCollection

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
            names: pictures.namesFingerprint,
            picturesPerShard: FeatureManifest.picturesPerShard(pictureBytes: 2 * grid * grid * width))
        try manifest.takeUp(in: path)
    }

    /// Bytes of all features.
    public var bytes: Int { manifest.bytes }

    /// Encodes what is missing.
    ///
    /// - Parameter batchSize: pictures that are read and encoded at once.
    public func run(batchSize: Int, _ watcher: ShardWatcher = ShardWatcher()) throws -> ShardProgress {
        let reader = SquareReader(pictures, imageSize: manifest.imageSize, fastDecode: manifest.fastDecode)
        return try manifest.writeShards(to: path, reader, batchSize: batchSize, watcher) { batch in
            [(batch, encoder.features(of: unitRange(PixelSpace().encode(batch)), basePatch: manifest.basePatch))]
        }
    }
}
