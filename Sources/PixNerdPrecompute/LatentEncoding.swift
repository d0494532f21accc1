import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// Writes the distributions of the latents of a whole collection of pictures into a directory, shard by shard: of each
/// picture as it is, and mirrored.
///
/// They are kept as the encoder gives them, without a scale, so that a scale is applied once, where they are drawn from.
public struct LatentEncoding {
    public let path: String
    private let manifest: LatentManifest
    private let space: LatentSpace
    private let pictures: ImageCollection

    /// Makes the directory, or takes up one that was begun for the same.
    ///
    /// - Parameters:
    ///   - name: of the autoencoder, for a person.
    ///   - imageSize: the side of the pictures' middle squares, a multiple of the autoencoder's reduction.
    ///   - type: float32, or float16 or bfloat16 for half the space.
    /// - Throws: `TrainingError` where the directory holds something else.
    public init(
        _ autoencoder: Autoencoder, name: String, _ pictures: ImageCollection, imageSize: Int, type: ElementType,
        fastDecode: Bool = false, to path: String
    ) throws {
        let (channels, reduction) = (autoencoder.latentChannels, autoencoder.reduction)
        if let problem = sizeProblem(imageSize, multiple: reduction) {
            throw TrainingError("The size of the pictures \(problem)")
        }
        space = LatentSpace(autoencoder)
        self.pictures = pictures
        self.path = path
        let side = imageSize / reduction
        manifest = LatentManifest(
            autoencoder: autoencoder.fingerprint, autoencoderName: name, latentChannels: channels, reduction: reduction,
            imageSize: imageSize, fastDecode: fastDecode, elementType: type.rawValue, pictures: pictures.samples.count,
            names: pictures.namesFingerprint,
            picturesPerShard: LatentManifest.picturesPerShard(pictureBytes: 4 * channels * side * side * type.size))
        try manifest.takeUp(in: path)
    }

    /// Bytes of all latents.
    public var bytes: Int { manifest.bytes }

    /// Encodes what is missing.
    ///
    /// - Parameter batchSize: pictures that are read and encoded at once.
    public func run(batchSize: Int, _ watcher: ShardWatcher = ShardWatcher()) throws -> ShardProgress {
        let reader = SquareReader(pictures, imageSize: manifest.imageSize, fastDecode: manifest.fastDecode)
        return try manifest.writeShards(to: path, reader, batchSize: batchSize, watcher) { batch in
            [batch, batch.mirrored].map { ($0, space.moments(PixelSpace().encode($0))) }
        }
    }
}
