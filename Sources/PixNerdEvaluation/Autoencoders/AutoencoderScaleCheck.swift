import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// What the scale of an autoencoder makes of the latents of pictures, and whether that is what diffusion counts on.
public struct AutoencoderScaleCheck: Encodable, Sendable {
    /// Of scaled latents.
    public struct Channel: Encodable, Sendable, Equatable {
        public let mean: Double
        public let deviation: Double
    }

    public let path: String
    /// The published kind that shape and scale are those of.
    public let name: String?
    public let fingerprint: String
    /// What the latents were scaled by; nil where no configuration says, and they were measured as they are.
    public let scale: LatentScale?
    /// Where the pictures are.
    public let root: String
    /// Pictures that were measured, and those that could not be read.
    public let pictures: Int
    public let unreadable: Int
    /// Side of the pictures' middle squares in pixels.
    public let imageSize: Int
    /// Of all numbers together.
    public let mean: Double
    public let deviation: Double
    public let channels: [Channel]
    /// Whether mean and deviation are near 0 and 1.
    public let isNear: Bool
    public let finding: LatentScaleVerdict.Finding
    /// The `scaling_factor` that would bring the deviation to 1; nil where none would.
    public let neededFactor: Double?
    /// What was found and what to do, for a person.
    public let sentence: String

    enum CodingKeys: String, CodingKey {
        case path, name, fingerprint, scale, root, pictures, unreadable, mean, deviation, channels, finding, sentence
        case imageSize = "image_size"
        case isNear = "near"
        case neededFactor = "needed_scaling_factor"
    }

    /// Measures samples of the latents of pictures, which are taken evenly from a collection.
    ///
    /// - Parameters:
    ///   - imageSize: the side of the pictures' middle squares, a multiple of the autoencoder's reduction.
    ///   - count: pictures at most.
    ///   - batch: pictures that are read at once.
    ///   - unreadable: told why a picture is left out.
    ///   - progress: told how many pictures are done.
    /// - Throws: one sentence where the autoencoder cannot be used, the size does not fit it, or no picture can be read.
    public init(
        _ checkpoint: AutoencoderCheckpoint, _ pictures: ImageCollection, imageSize: Int, count: Int, batch: Int,
        fastDecode: Bool = false, unreadable: (_ reason: String) -> Void = { _ in },
        progress: (_ done: Int) -> Void = { _ in }
    ) throws {
        if let problem = sizeProblem(imageSize, multiple: checkpoint.architecture.reduction) {
            throw TrainingError("The size of the pictures \(problem)")
        }
        let scale = checkpoint.scale ?? LatentScale(factor: 1)
        let autoencoder = try LatentAutoencoder(checkpoint, scale: scale)
        var left = 0
        let statistics = try LatentStatistics(
            of: autoencoder.space, pictures, imageSize: imageSize, count: count, batch: batch, fastDecode: fastDecode,
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
        sentence = verdict.sentence
    }
}
