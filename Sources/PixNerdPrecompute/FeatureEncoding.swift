import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Computes the features of all images in a collection and writes them to a directory, shard by shard.
public struct FeatureEncoding {
    public let path: String
    private let manifest: FeatureManifest
    private let encoder: DINOv2
    private let pictures: ImageCollection

    /// Creates the directory, or resumes one that was started with the same settings.
    ///
    /// - Parameters:
    ///   - imageSize: the side of the centre crop, a multiple of `basePatch`.
    ///   - basePatch: the side in pixels of the area that becomes one patch of the encoder.
    /// - Throws: `PixNerdError` if the directory holds something else.
    public init(
        _ encoder: DINOv2, _ pictures: ImageCollection, imageSize: Int, basePatch: Int, fastDecode: Bool = false,
        to path: String
    ) throws {
        try ShardLimit.check(imageSize: imageSize)
        if let problem = sizeProblem(imageSize, multiple: basePatch) {
            throw PixNerdError(.invalidValue, "The image size", found: "\(problem)")
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

    /// Size of all features in bytes.
    public var bytes: Int { manifest.bytes }

    /// Computes the missing shards.
    ///
    /// - Parameter batchSize: images that are read and encoded at once.
    public func run(batchSize: Int, _ watcher: ShardWatcher = ShardWatcher()) throws -> ShardProgress {
        let reader = CropReader(
            pictures, imageSize: ImageSize(manifest.imageSize), decoding: PictureDecoding(isFast: manifest.fastDecode))
        return try manifest.writeShards(to: path, reader, batchSize: batchSize, watcher) { batch in
            [(batch, encoder.features(of: unitRange(PixelSpace().encode(batch)), basePatch: manifest.basePatch))]
        }
    }
}
