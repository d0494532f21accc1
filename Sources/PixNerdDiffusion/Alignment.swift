import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors

/// Representation alignment (REPA; Yu et al., arXiv 2410.06940): projects the tokens of a middle block and aligns them
/// with an encoder's features of the clean image.
public struct Alignment: Sendable {
    public let projector: Projector
    /// The block whose tokens are aligned, counted from 1; 8 as published.
    public let layer: Int
    /// Weight of the alignment loss relative to the velocity loss; 0.5 as published.
    public let weight: Float

    public init(projector: Projector, layer: Int, weight: Float) {
        self.projector = projector
        self.layer = layer
        self.weight = weight
    }
}

/// The velocity loss plus the weighted mean of 1 - cosine between projected tokens and the batch's features.
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
