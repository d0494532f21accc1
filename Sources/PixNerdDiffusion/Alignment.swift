import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors

/// Representation alignment (REPA; Yu et al., arXiv 2410.06940): what a denoiser's tokens say half-way, seen through a
/// projector, is drawn towards an encoder's features of the clean picture.
public struct Alignment: Sendable {
    public let projector: Projector
    /// The block whose tokens are aligned, counted from 1; 8 as published.
    public let layer: Int
    /// What the loss counts beside that of the velocity; 0.5 as published.
    public let weight: Float

    public init(projector: Projector, layer: Int, weight: Float) {
        self.projector = projector
        self.layer = layer
        self.weight = weight
    }
}

/// The loss of the velocity, and the weighed mean of 1 - cosine between projected tokens and the batch's features.
///
/// - Precondition: the batch has features [B, N, E] of the projector's width.
public func alignedLoss(
    _ denoiser: some AlignableDenoiser, _ batch: TrainingBatch, _ alignment: Alignment
) -> TrainingLoss {
    guard let features = batch.features else { preconditionFailure("alignedLoss: the batch has no features") }
    let (prediction, tokens) = denoiser.velocity(
        FlowPath.point(data: batch.data, noise: batch.noise, times: batch.times), times: batch.times,
        condition: batch.condition, tokensAfter: alignment.layer)
    let flow = meanSquaredError(prediction, target: FlowPath.velocity(data: batch.data, noise: batch.noise))
    let align = meanCosineDistance(alignment.projector(tokens), target: features)
    return TrainingLoss(
        mean: sum(flow.mean, scaled(align.mean, by: alignment.weight)),
        pictures: PictureLosses(flow: flow.pictures, align: align.pictures))
}
