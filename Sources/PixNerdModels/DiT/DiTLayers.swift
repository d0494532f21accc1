import Foundation
import PixNerdLayers
import PixNerdTensors

/// The layers of a DiT under their published names (Peebles and Xie, arXiv 2212.09748).
struct DiTLayers: Sendable {
    /// [D, C, P, P]
    let patchWeight: Parameter
    let patchBias: Parameter
    let timeInput: Linear
    let timeOutput: Linear
    /// [classes + 1, D]; the last row is the unconditional class.
    let classTable: Parameter
    /// Positions of the grid of training, [1, N, D].
    let positions: Parameter
    let blocks: [DiTLayers.Block]
    let finalModulation: Linear
    /// [P P K, D] with K output channels, pixel by pixel.
    let finalLinear: Linear

    init(_ root: ParameterScope, _ architecture: DiTArchitecture) {
        let (width, patch) = (architecture.hiddenSize, architecture.patchSize)
        let patchScope = root / "x_embedder" / "proj"
        let patchShape = [width, architecture.channels, patch, patch]
        let usual = Initializer.linearDefault(inputs: architecture.channels * patch * patch)
        patchWeight = patchScope.parameter("weight", shape: patchShape, usual)
        patchBias = patchScope.parameter("bias", shape: [width], usual)
        let time = root / "t_embedder" / "mlp"
        timeInput = Linear(time / 0, inputs: 256, outputs: width)
        timeOutput = Linear(time / 2, inputs: width, outputs: width)
        classTable = (root / "y_embedder" / "embedding_table").parameter(
            "weight", shape: [architecture.classes + 1, width], .normal(standardDeviation: 0.02))
        let grid = architecture.gridSize
        positions = root.parameter("pos_embed", shape: [1, grid * grid, width], .zeros)
        blocks = (0..<architecture.depth).map { Block(root / "blocks" / $0, architecture) }
        let final = root / "final_layer"
        finalModulation = Linear(final / "adaLN_modulation" / 1, inputs: width, outputs: 2 * width)
        finalLinear = Linear(
            final / "linear", inputs: width, outputs: patch * patch * architecture.outputChannels)
    }

    /// A block with adaLN-Zero: x <- x + g1 Attn(m1(norm x)), x <- x + g2 MLP(m2(norm x)), m(x) = x (1 + scale) + shift.
    struct Block: Sendable {
        private let heads: Int
        private let qkv: Linear
        private let projection: Linear
        private let feedForwardInput: Linear
        private let feedForwardOutput: Linear
        private let modulation: Linear

        init(_ scope: ParameterScope, _ architecture: DiTArchitecture) {
            let (width, inner) = (architecture.hiddenSize, architecture.feedForwardWidth)
            heads = architecture.heads
            qkv = Linear(scope / "attn" / "qkv", inputs: width, outputs: 3 * width)
            projection = Linear(scope / "attn" / "proj", inputs: width, outputs: width)
            feedForwardInput = Linear(scope / "mlp" / "fc1", inputs: width, outputs: inner)
            feedForwardOutput = Linear(scope / "mlp" / "fc2", inputs: inner, outputs: width)
            modulation = Linear(scope / "adaLN_modulation" / 1, inputs: width, outputs: 6 * width)
        }

        /// Applies the block to tokens [B, N, D] with a condition [B, D], after its SiLU; returns [B, N, D].
        func callAsFunction(_ tokens: Tensor, condition: Tensor) -> Tensor {
            let modulation = modulation(condition)
            let attended = modulatedLayerNorm(
                tokens, modulation: modulation, shift: .attentionShift, scale: .attentionScale)
            let mixed = projection(attention(qkv(attended, isRounded: true), heads: heads))
            let afterAttention = gatedResidual(tokens, mixed, modulation: modulation, gate: .attentionGate)
            let fed = modulatedLayerNorm(
                afterAttention, modulation: modulation, shift: .feedForwardShift, scale: .feedForwardScale)
            let transformed = feedForwardOutput(tanhGELU(feedForwardInput(fed)))
            return gatedResidual(afterAttention, transformed, modulation: modulation, gate: .feedForwardGate)
        }
    }
}
