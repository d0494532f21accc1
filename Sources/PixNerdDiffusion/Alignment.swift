import PixNerdLayers

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
