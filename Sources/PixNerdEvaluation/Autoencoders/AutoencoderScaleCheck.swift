import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// Checks whether an autoencoder's scale brings its latents to mean 0 and standard deviation 1, as diffusion assumes.
public struct AutoencoderScaleCheck: Encodable, Sendable {
    /// Mean and standard deviation of one channel of the scaled latents.
    public struct Channel: Encodable, Sendable, Equatable {
        public let mean: Double
        public let deviation: Double
    }

    public let path: String
    /// Name of the published autoencoder with this shape and scale; nil if there is none.
    public let name: String?
    public let fingerprint: String
    /// Scale applied to the latents; nil if no configuration states one, and they were measured unscaled.
    public let scale: LatentScale?
    /// Folder or shards that hold the images.
    public let root: String
    /// Number of images measured, without those that could not be read.
    public let pictures: Int
    public let unreadable: Int
    /// Side in pixels of the square at the centre of each image.
    public let imageSize: Int
    /// Mean of all latents.
    public let mean: Double
    /// Standard deviation of all latents.
    public let deviation: Double
    public let channels: [Channel]
    /// Whether mean and standard deviation are near 0 and 1.
    public let isNear: Bool
    public let finding: LatentScaleVerdict.Finding
    /// The `scaling_factor` that would bring the standard deviation to 1; nil if none would.
    public let neededFactor: Double?
    /// The finding and what to do about it, in one sentence.
    public let sentence: String

    enum CodingKeys: String, CodingKey {
        case path, name, fingerprint, scale, root, pictures, unreadable, mean, deviation, channels, finding, sentence
        case imageSize = "image_size"
        case isNear = "near"
        case neededFactor = "needed_scaling_factor"
    }

    /// Measures latents sampled for images that are taken evenly from a collection.
    ///
    /// - Parameters:
    ///   - imageSize: the side of the centre crop, a multiple of the autoencoder's downsampling factor.
    ///   - count: the maximum number of images.
    ///   - batch: images read at once.
    ///   - unreadable: receives the reason for each image that is skipped.
    ///   - progress: receives the number of images done.
    /// - Throws: `PixNerdError` if the autoencoder cannot be used, if the size does not suit it, or if no image can be
    ///   read.
    public init(
        _ checkpoint: AutoencoderCheckpoint, _ pictures: ImageCollection, imageSize: Int, count: Int, batch: Int,
        decoding: PictureDecoding = PictureDecoding(), unreadable: (_ reason: String) -> Void = { _ in },
        progress: (_ done: Int) -> Void = { _ in }
    ) throws {
        if let problem = sizeProblem(imageSize, multiple: checkpoint.architecture.reduction) {
            throw PixNerdError(.invalidValue, "The image size", found: "\(problem)")
        }
        let scale = checkpoint.scale ?? LatentScale(factor: 1)
        let autoencoder = try LatentAutoencoder(checkpoint, scale: scale)
        var left = 0
        let statistics = try LatentStatistics(
            of: autoencoder.space, pictures, imageSize: ImageSize(imageSize), count: count, batch: batch,
            decoding: decoding,
            unreadable: { reason in
                left += 1
                unreadable(reason)
            }, progress: progress)
        let verdict = statistics.verdict(scale: scale, architecture: checkpoint.architecture)
        path = checkpoint.path
        name = checkpoint.knownName
        fingerprint = autoencoder.identity.fingerprint
        self.scale = checkpoint.scale
        root = pictures.root
        self.pictures = min(count, pictures.samples.count) - left
        self.unreadable = left
        self.imageSize = imageSize
        (mean, deviation) = (statistics.mean, statistics.deviation)
        channels = zip(statistics.channelMeans, statistics.channelDeviations).map { Channel(mean: $0, deviation: $1) }
        (isNear, finding, neededFactor) = (verdict.isNear, verdict.finding, verdict.factor)
        sentence = verdict.text + "."
    }
}
