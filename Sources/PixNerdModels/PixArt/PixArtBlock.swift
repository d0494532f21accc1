import PixNerdLayers
import PixNerdTensors

/// A block with adaLN-single (Chen et al., arXiv 2310.00426, section 2.3): attention and MLP are modulated by a table of
/// the block plus what the step gives to all blocks; between them the tokens attend to the text as they are.
struct PixArtBlock: Sendable {
    private let table: ModulationTable
    private let attention: PixArtAttention
    private let cross: CrossAttentionLayer
    private let feedForwardInput: Linear
    private let feedForwardOutput: Linear

    init(_ scope: ParameterScope, _ architecture: PixArtArchitecture, number: Int) {
        let (width, inner) = (architecture.hiddenSize, architecture.feedForwardWidth)
        table = ModulationTable(scope, width: width)
        attention = PixArtAttention(scope / "attn", architecture, block: number)
        cross = CrossAttentionLayer(scope / "cross_attn", width: width, heads: architecture.heads)
        feedForwardInput = Linear.xavier(scope / "mlp" / "fc1", inputs: width, outputs: inner)
        feedForwardOutput = Linear.xavier(scope / "mlp" / "fc2", inputs: inner, outputs: width)
    }

    /// - Parameters:
    ///   - tokens: [B, N, D], of a grid of `rows` x `columns`.
    ///   - shared: the modulation of all blocks, [B, 6 D].
    ///   - captions: embedded rows of texts.
    /// - Returns: [B, N, D].
    func callAsFunction(
        _ tokens: Tensor, shared: Tensor, captions: EmbeddedCaptions, rows: Int, columns: Int
    ) -> Tensor {
        let modulation = table(shared)
        let attended = modulatedLayerNorm(
            tokens, modulation: modulation, shift: .attentionShift, scale: .attentionScale)
        let mixed = attention(attended, rows: rows, columns: columns)
        let afterAttention = gatedResidual(tokens, mixed, modulation: modulation, gate: .attentionGate)
        let read = cross(afterAttention, captions)
        let fed = modulatedLayerNorm(read, modulation: modulation, shift: .feedForwardShift, scale: .feedForwardScale)
        return gatedResidual(
            read, feedForwardOutput(tanhGELU(feedForwardInput(fed))), modulation: modulation,
            gate: .feedForwardGate)
    }
}
