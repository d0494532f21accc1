import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors

/// What a forward and backward pass of training takes.
public struct TrainingBatch: Sendable {
    /// [B, C, H, W]
    public let data: Tensor
    /// Of the same shape.
    public let noise: Tensor
    /// B times, after the shift.
    public let times: [Float]
    /// B conditions, unconditional where dropped for classifier-free guidance.
    public let condition: any Condition
    /// An encoder's features of the pictures, [B, N, E], where tokens are aligned with them.
    public let features: Tensor?

    public init(data: Tensor, noise: Tensor, times: [Float], condition: any Condition, features: Tensor? = nil) {
        self.data = data
        self.noise = noise
        self.times = times
        self.condition = condition
        self.features = features
    }
}

/// A step of flow matching.
public typealias FlowMatchingStep = OptimizationStep<TrainingBatch>

extension OptimizationStep where Batch == TrainingBatch {
    /// Trains a model.
    ///
    /// - Parameter optimizer: of the model's parameters.
    public init(
        model: some Denoiser, optimizer: AdamW, averages: [MovingAverage] = [], gradientClip: Double? = nil,
        exchange: GradientExchange? = nil
    ) {
        self.init(
            optimizer: optimizer, averages: averages, gradientClip: gradientClip, exchange: exchange,
            count: \.data.shape[0]
        ) { flowMatchingLoss(model, $0) }
    }

    /// Trains a model whose tokens are aligned with the batches' features.
    ///
    /// - Parameter optimizer: of the model's parameters, and then the projector's.
    public init(
        model: some AlignableDenoiser, alignment: Alignment?, optimizer: AdamW, averages: [MovingAverage] = [],
        gradientClip: Double? = nil, exchange: GradientExchange? = nil
    ) {
        self.init(
            optimizer: optimizer, averages: averages, gradientClip: gradientClip, exchange: exchange,
            count: \.data.shape[0]
        ) { batch in
            alignment.map { alignedLoss(model, batch, $0) } ?? flowMatchingLoss(model, batch)
        }
    }
}

extension PictureLosses {
    /// Of the velocity.
    public var flow: [Float] { self["flow"] ?? [] }
    /// Of the alignment, before its weight; nil where nothing is aligned.
    public var align: [Float]? { self["align"] }

    init(flow: [Float], align: [Float]? = nil) {
        self.init(["flow": flow].merging(align.map { ["align": $0] } ?? [:]) { own, _ in own })
    }
}
