import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// Computes the latent distributions of all images in a collection, and of their mirror images, and writes them to a
/// directory, shard by shard.
///
/// They are stored unscaled, as the encoder returns them, so that the scale is applied once, where latents are drawn.
public struct LatentEncoding {
    public let path: String
    private let manifest: LatentManifest
    private let space: LatentSpace
    private let pictures: ImageCollection

    /// Creates the directory, or resumes one that was started with the same settings.
    ///
    /// - Parameters:
    ///   - format: the images that the autoencoder encodes.
    ///   - name: the autoencoder's name, to display.
    ///   - imageSize: the side of the centre crop, a multiple of the autoencoder's downsampling factor.
    ///   - type: float32, or float16 or bfloat16 for half the space.
    /// - Throws: `PixNerdError` if the directory holds something else.
    public init(
        _ autoencoder: Autoencoder, format: PixelFormat = .rgb8, name: String, _ pictures: ImageCollection,
        imageSize: Int, type: ElementType,
        fastDecode: Bool = false, to path: String
    ) throws {
        let (channels, reduction) = (autoencoder.latentChannels, autoencoder.reduction)
        try ShardLimit.check(imageSize: imageSize)
        if let problem = sizeProblem(imageSize, multiple: reduction) {
            throw PixNerdError(.invalidValue, "The image size", found: "\(problem)")
        }
        space = LatentSpace(autoencoder, format: format)
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

    /// Size of all latents in bytes.
    public var bytes: Int { manifest.bytes }

    /// Computes the missing shards.
    ///
    /// - Parameter batchSize: images that are read and encoded at once.
    public func run(batchSize: Int, _ watcher: ShardWatcher = ShardWatcher()) throws -> ShardProgress {
        let reader = CropReader(
            pictures, imageSize: ImageSize(manifest.imageSize),
            decoding: PictureDecoding(isFast: manifest.fastDecode, format: space.format))
        return try manifest.writeShards(to: path, reader, batchSize: batchSize, watcher) { batch in
            [batch, batch.mirrored].map { ($0, space.moments(of: $0)) }
        }
    }
}
