import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A list of images to sample with everything that this takes, loaded and checked in advance.
///
/// The command, training previews, comparisons and servers all sample through it. A job computes on the calling thread
/// and the worker threads of `Threads`; only one should run at a time.
public struct SamplingJob: Sendable {
    public let denoiser: any Denoiser
    /// The worse model that guidance leads away from; nil for the model itself without a condition.
    public let guide: (any Denoiser)?
    public let conditioner: any Conditioner
    public let space: any Space
    public let size: PictureSize
    public let settings: SamplingSettings
    public let noise: NoiseSource
    /// Images per batch.
    public let batch: Int
    public let requests: [PictureRequest]
    /// The picture that all images begin with or keep parts of; nil for images from noise alone.
    public let edit: PictureEdit?
    /// The pictures that the model is shown; nil for none.
    public let pictures: RequestPictures?

    /// A job for a model in memory.
    ///
    /// - Parameters:
    ///   - guide: The worse model that guidance leads away from, under the same conditions; nil for the model itself
    ///     without a condition.
    ///   - size: Size of the images; its canvas is a multiple of the denoiser's `sizeMultiple` times the space's
    ///     `reduction`.
    ///   - settings: Settings of the sampler, which skip steps only with an `edit`.
    ///   - batch: Images per batch.
    ///   - edit: The picture that all images begin with or keep parts of; nil for images from noise alone.
    ///   - pictures: The pictures that the model is shown; nil for none.
    public init(
        denoiser: any Denoiser, guide: (any Denoiser)? = nil, conditioner: any Conditioner, space: any Space,
        size: PictureSize, settings: SamplingSettings, requests: [PictureRequest], batch: Int,
        noise: NoiseSource = .philox, edit: PictureEdit? = nil, pictures: RequestPictures? = nil
    ) {
        self.denoiser = denoiser
        self.guide = guide
        self.conditioner = conditioner
        self.space = space
        self.size = size
        self.settings = settings
        self.requests = requests
        self.batch = batch
        self.noise = noise
        self.edit = edit
        self.pictures = pictures
    }

    /// Number of steps that are taken for each image.
    public var steps: Int { settings.takenSteps }

    /// Number of model evaluations per image, those of the guide included: two for each velocity that guidance changes,
    /// unless the model is told the scale. Steps that an edit repeats, and the second conditions of interpolations, are not
    /// counted.
    public var evaluations: Int {
        settings.evaluationTimes.reduce(0) { $0 + settings.guidance.evaluations(at: $1) }
    }

    /// Samples all images, batch by batch.
    ///
    /// - Parameters:
    ///   - isDone: Called before each batch; returns whether to skip it because its images exist.
    ///   - isCancelled: Called after each step; returns whether to end the job with `CancellationError`.
    ///   - afterStep: Called after each step of each batch, for progress, trajectories and previews.
    ///   - receive: Called with the pixels of each batch, [B, C, H, W] of the space's format, not clipped, and the
    ///     index of its first request.
    /// - Throws: `CancellationError`, or the error of a closure.
    public func run(
        isDone: (_ requests: Range<Int>) -> Bool = { _ in false }, isCancelled: () -> Bool = { false },
        afterStep: (SamplingMoment) throws -> Void = { _ in },
        receive: (_ pixels: Tensor, _ first: Int) throws -> Void
    ) throws {
        try samplePictures(
            denoiser, guide: guide, conditioner: conditioner, in: space, requests, size: size, settings: settings,
            edit: edit, batchSize: batch, noise: noise, pictures: pictures, isDone: isDone, isCancelled: isCancelled,
            afterStep: { moment in
                try afterStep(moment)
                if isCancelled() { throw CancellationError() }
            }, receive: receive)
    }

    /// Samples all images and returns them as they are shown, in 8-bit RGB.
    ///
    /// - Throws: `CancellationError` if `isCancelled` returns true.
    public func images(isCancelled: () -> Bool = { false }) throws -> [RGBImage] {
        var images: [RGBImage] = []
        try run(isCancelled: isCancelled) { pixels, _ in images += shownPictures(pixels, space.format) }
        return images
    }
}
