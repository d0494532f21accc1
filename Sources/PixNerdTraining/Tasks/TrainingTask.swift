import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// The model of a run: takes steps on images, writes its part of checkpoints, and makes previews.
protocol TrainingTask: AnyObject {
    /// Parameters of the model.
    var parameters: [Parameter] { get }
    /// What is trained of the model, which EMAs are kept of: all parameters unless they follow from others, or are
    /// frozen.
    var trained: [Parameter] { get }
    /// Parameters that are trained besides the model and have no EMA.
    var companions: [Parameter] { get }
    /// The matrices of the model that Muon may train.
    var blockMatrices: [Parameter] { get }
    /// Identities of the other networks, to check that a resumed run uses the same ones.
    var origins: TrainingOrigins { get }

    /// Makes the function that takes a step on loaded images.
    ///
    /// - Parameter exchange: sums gradients over the processes; nil for a single process.
    func makeStepper(
        optimizer: any Optimizer, averages: [MovingAverage], gradientClip: Double?, exchange: GradientExchange?
    ) -> TrainingStepper

    /// Gives the model the weights that follow from `trained`, after these were set.
    func apply()

    /// All weights of the model for values of `trained`, which are fetched when they are needed.
    func weights(_ trained: [LateTensor]) -> [LateTensor]

    /// What is trained, and how many numbers that are; nil if all of the model is.
    var trainedText: String? { get }

    /// A sheet of images made with the current weights.
    func preview() throws -> RGBImage

    /// Samples of the current weights, of the classes or captions in turn.
    func samples(_ count: Int) throws -> [RGBImage]

    /// Times as training draws them for images of `data.image_size`, the same ones in each call; nil for an autoencoder.
    func drawnTimes(_ count: Int) -> [Float]?

    /// The loss of each image with the current weights: without augmentation, dropout and dropped labels, and with noise
    /// that depends on the seed and the number of the measurement alone.
    ///
    /// - Parameters:
    ///   - loaded: centre crops.
    ///   - isPrecomputed: whether the images are those of `data.root`, which latents may be precomputed of.
    ///   - times: the time of each image; empty for an autoencoder.
    ///   - first: number of the first measurement.
    /// - Throws: `PixNerdError` if an image has no precomputed latents, or its caption cannot be encoded.
    func fixedLosses(
        _ loaded: LoadedBatch, isPrecomputed: Bool, times: [Float], first: Int
    ) throws -> [Float]

    /// Writes weights into a directory: that of a step, or that of a step's averages of chosen lengths.
    ///
    /// - Parameters:
    ///   - trained: one tensor for each of `trained`, fetched when it is written.
    ///   - set: the kind of the weights.
    ///   - metadata: entries of the trainer for the file's metadata.
    func save(_ trained: [LateTensor], _ set: WeightSet, metadata: [String: String], to directory: String) throws

    /// Loads the values of `trained` of EMA weights that `save` wrote.
    func loadAverage(_ set: WeightSet, from directory: String) throws -> [Tensor]
}

extension TrainingTask {
    var trained: [Parameter] { parameters }
    func apply() {}
    func weights(_ trained: [LateTensor]) -> [LateTensor] { trained }
    var trainedText: String? { nil }

    func samples(_ count: Int) throws -> [RGBImage] {
        throw PixNerdError(.unsupported, "An autoencoder", found: "is not sampled from")
    }

    /// Runs `body` with the weights that other values of `trained` give.
    func withWeights<R>(_ trained: [Tensor], _ body: () throws -> R) rethrows -> R {
        let own = parameters.map(\.value)
        let weights = weights(trained.map { value in { value } }).map { $0() }
        for (parameter, value) in zip(parameters, weights) { parameter.value = value }
        defer { for (parameter, value) in zip(parameters, own) { parameter.value = value } }
        return try body()
    }
}

/// The kind of a checkpoint's weights.
enum WeightSet {
    case raw
    /// The EMA that is used for sampling.
    case average(decay: Float)
    case otherAverage(decay: Float)
    /// An average with a power profile, from which averages of other lengths are computed.
    case profile(length: Double)
}

/// Identities of the networks that a run's results depend on besides images and configuration.
struct TrainingOrigins: Codable, Equatable {
    /// Fingerprint of the encoder that tokens are aligned with.
    var encoder: String?
    /// Text encoder of the captions, and how it is used.
    var text: RecordedTextEncoder?
    /// Autoencoder of the latents.
    var autoencoder: AutoencoderIdentity?
    /// Fingerprint of the network of the perceptual loss.
    var perceptual: String?
    /// Fingerprint of the weights of the teacher of a model of few steps.
    var teacher: String?
}

/// A tensor that is fetched when it is needed.
typealias LateTensor = () -> Tensor

/// Takes a step on loaded images, which are this process's share of the batch.
///
/// Random numbers are keyed by the number of the step and the index in the whole batch, so that accumulation, threads
/// and processes do not change them.
typealias TrainingStepper = (
    _ loaded: [LoadedBatch], _ plan: BatchPlan, _ step: Int, _ shouldSkip: (_ gradientNorm: Double) -> Bool
) throws -> TrainingStepResult

/// The result of a training step.
struct TrainingStepResult {
    let result: OptimizationResult
    /// Times of this process's images, in the order of the batches; nil for an autoencoder.
    var times: [Float]?
}

/// The requirements of a run, found and checked before training.
protocol TrainingPreparation {
    /// The configuration, with automatic values filled in.
    var configuration: Configuration { get }
    /// How images are decoded.
    var decoding: PictureDecoding { get }
    /// The images of `data.root`, and those of them that are not trained on.
    var holdout: Holdout { get }
    /// Indices of the images of each half of a step; empty for steps of all images.
    var halves: [[Int]] { get }
    /// The sizes at which images are loaded.
    var buckets: ImageBuckets { get }
    /// Pictures that belong to the images that are trained on; nil for none.
    var companions: PictureCompanions? { get }
    /// Pictures that belong to all images of `data.root`; nil for none.
    var allCompanions: PictureCompanions? { get }
    var memory: MemoryEstimate { get }
    /// Labels and texts that describe images and model.
    var description: [(name: String, text: String)] { get }

    /// Makes the task with new weights.
    ///
    /// - Throws: `PixNerdError` if the images do not fit the space.
    func begin() throws -> any TrainingTask

    /// Makes the task with the weights of a checkpoint.
    ///
    /// - Throws: `PixNerdError` naming the file and the problem.
    func load(_ directory: String, _ origins: TrainingOrigins) throws -> any TrainingTask
}

extension TrainingPreparation {
    var halves: [[Int]] { [] }

    /// The images that are trained on.
    var pictures: ImageCollection { holdout.trained }
    var companions: PictureCompanions? { nil }
    var allCompanions: PictureCompanions? { nil }
}

extension [LoadedBatch] {
    /// The batches with the index of each one's first image in the whole batch.
    func withPlaces(_ plan: BatchPlan) -> [(batch: LoadedBatch, first: Int)] {
        var first = plan.share.lowerBound
        return map { batch in
            defer { first += batch.count }
            return (batch, first)
        }
    }
}
