import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors

/// The inputs of a forward and backward pass of training.
public struct TrainingBatch: Sendable {
    /// Clean data, [B, C, H, W].
    public let data: Tensor
    /// Normal noise, [B, C, H, W], of the standard deviation that the model is trained on.
    public let noise: Tensor
    /// B times, after the shift.
    public let times: [Float]
    /// B conditions, some of them dropped (unconditional) for classifier-free guidance.
    public let condition: any Condition
    /// An encoder's features of the images, [B, N, E]; nil if no tokens are aligned with them.
    public let features: Tensor?
    /// The velocity that a model of few steps should give; nil for that of the path.
    public let lesson: Lesson?
    /// 1 for pixels that the loss counts and 0 for padding, [B, 1, H, W]; nil if all count.
    public let covered: Tensor?

    /// The noisy data, [B, C, H, W].
    public var point: Tensor { FlowPath.point(data: data, noise: noise, times: times) }

    public init(
        data: Tensor, noise: Tensor, times: [Float], condition: any Condition, features: Tensor? = nil,
        lesson: Lesson? = nil, covered: Tensor? = nil
    ) {
        self.data = data
        self.noise = noise
        self.times = times
        self.condition = condition
        self.features = features
        self.lesson = lesson
        self.covered = covered
    }
}

/// An optimization step of flow matching.
public typealias FlowMatchingStep = OptimizationStep<TrainingBatch>

extension OptimizationStep where Batch == TrainingBatch {
    /// A step that trains a model.
    ///
    /// - Parameter optimizer: the optimizer of the model's parameters, followed by the projector's if tokens are aligned.
    public init(
        model: some AlignableDenoiser, objective: TrainingObjective = TrainingObjective(), optimizer: any Optimizer,
        averages: [MovingAverage] = [], gradientClip: Double? = nil, exchange: GradientExchange? = nil
    ) {
        self.init(
            optimizer: optimizer, averages: averages, gradientClip: gradientClip, exchange: exchange,
            count: \.data.shape[0]
        ) { objective.loss(model, $0) }
    }
}

extension PictureLosses {
    /// The velocity loss of each image.
    public var flow: [Float] { self["flow"] ?? [] }
    /// The alignment loss of each image, without its weight; nil if nothing is aligned.
    public var align: [Float]? { self["align"] }

    init(flow: [Float]) { self.init(["flow": flow]) }
}
