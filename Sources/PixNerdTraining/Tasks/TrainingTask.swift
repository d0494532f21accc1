import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors

/// What a run trains: how pictures become a step, what its saved steps hold beside the optimiser's state, and what shows
/// a person how far it is.
protocol TrainingTask: AnyObject {
    /// Those of the model: what averages follow.
    var parameters: [Parameter] { get }
    /// What is trained beside the model and not averaged.
    var companions: [Parameter] { get }
    /// By which a resumed run is known to be trained on the same.
    var origins: TrainingOrigins { get }

    /// What takes a step on loaded pictures.
    ///
    /// - Parameter exchange: joins gradients with other processes, where there are any.
    func makeStepper(
        optimizer: AdamW, averages: [MovingAverage], gradientClip: Double?, exchange: GradientExchange?
    ) -> TrainingStepper

    /// Pictures that show what the weights as they are make.
    func preview() throws -> RGBImage

    /// Writes weights into the directory of a step.
    ///
    /// - Parameters:
    ///   - weights: one tensor a parameter, each fetched when it is written.
    ///   - set: which they are.
    ///   - metadata: what the trainer says of them.
    func save(_ weights: [LateTensor], _ set: WeightSet, metadata: [String: String], to directory: String) throws

    /// The averaged weights that `save` wrote.
    func loadAverage(_ set: WeightSet, from directory: String) throws -> [Tensor]
}

extension TrainingTask {
    /// Runs `body` with other weights in the model.
    func withWeights<R>(_ weights: [Tensor], _ body: () throws -> R) rethrows -> R {
        let own = parameters.map(\.value)
        for (parameter, value) in zip(parameters, weights) { parameter.value = value }
        defer { for (parameter, value) in zip(parameters, own) { parameter.value = value } }
        return try body()
    }
}

/// Which weights of a step are meant.
enum WeightSet {
    case raw
    /// The average that is sampled from.
    case average(decay: Float)
    case otherAverage(decay: Float)
}

/// What a run's results depend on besides pictures and configuration.
struct TrainingOrigins: Codable, Equatable {
    /// The fingerprint of the encoder that tokens are aligned with.
    var encoder: String?
    /// The autoencoder whose latents are diffused.
    var autoencoder: AutoencoderIdentity?
    /// The fingerprint of the network that a perceptual loss compares features of.
    var perceptual: String?
}

/// A tensor that is fetched only when it is needed.
typealias LateTensor = () -> Tensor

/// Takes a step on loaded pictures, those of this process's share of the step.
///
/// Everything random in a step is keyed by its number and the place in the whole batch, so that neither accumulation nor
/// threads nor processes change it.
typealias TrainingStepper = (
    _ loaded: [LoadedBatch], _ plan: BatchPlan, _ step: Int, _ shouldSkip: (_ gradientNorm: Double) -> Bool
) throws -> TrainingStepResult

/// What a step did.
struct TrainingStepResult {
    let result: OptimizationResult
    /// Of this process's pictures, in the order of the batches; nil where there are none.
    var times: [Float]?
}

/// What a run needs, found and checked before any work is done.
protocol TrainingPreparation {
    /// Complete: what was left to be found out is filled in.
    var configuration: Configuration { get }
    var pictures: ImageCollection { get }
    /// Side in pixels at which pictures are loaded.
    var loadedSize: Int { get }
    var memory: MemoryEstimate { get }
    /// What the model is, in lines for a person.
    var description: [(name: String, text: String)] { get }

    /// With fresh weights.
    ///
    /// - Throws: one sentence where the pictures do not fit what they are to be trained in.
    func begin() throws -> any TrainingTask

    /// With the trained weights of a saved step.
    ///
    /// - Throws: one sentence that names the file and what is wrong with it.
    func load(_ directory: String, _ origins: TrainingOrigins) throws -> any TrainingTask
}

extension [LoadedBatch] {
    /// The batches with the place of each one's first picture in the whole batch.
    func withPlaces(_ plan: BatchPlan) -> [(batch: LoadedBatch, first: Int)] {
        var first = plan.share.lowerBound
        return map { batch in
            defer { first += batch.count }
            return (batch, first)
        }
    }
}
