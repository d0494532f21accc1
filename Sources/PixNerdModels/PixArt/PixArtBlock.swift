import PixNerdLayers
import PixNerdTensors

/// A block with adaLN-single (Chen et al., arXiv 2310.00426, section 2.3): attention and MLP are modulated by a table of
/// the block plus what the step gives to all blocks; between them the tokens attend to the text as they are.
struct PixArtBlock: Sendable {
    /// [6, D]
    private let table: Parameter
    private let attention: PixArtAttention
    private let cross: CrossAttentionLayer
    private let feedForwardInput: Linear
    private let feedForwardOutput: Linear

    init(_ scope: ParameterScope, _ architecture: PixArtArchitecture, number: Int) {
        let (width, inner) = (architecture.hiddenSize, architecture.feedForwardWidth)
        table = scope.parameter(
            "scale_shift_table", shape: [6, width], .normal(standardDeviation: 1 / Float(width).squareRoot()))
        attention = PixArtAttention(scope / "attn", architecture, block: number)
        cross = CrossAttentionLayer(scope / "cross_attn", width: width, heads: architecture.heads)
        feedForwardInput = Linear.xavier(scope / "mlp" / "fc1", inputs: width, outputs: inner)
        feedForwardOutput = Linear.xavier(scope / "mlp" / "fc2", inputs: inner, outputs: width)
    }

    /// - Parameters:
    ///   - tokens: [B, N, D], of a grid of `rows` x `columns`.
    ///   - shared: the modulation of all blocks, [B, 6 D].
    ///   - text: embedded rows of texts, [R, D], with the rows of each text and the text of each image.
    /// - Returns: [B, N, D].
    func callAsFunction(
        _ tokens: Tensor, shared: Tensor, text: Tensor, rowsOfText: [Range<Int>], textOfImage: [Int],
        rows: Int, columns: Int
    ) -> Tensor {
        let own = embedding(
            table.tensor.reshaped([1, table.value.count]), indices: [Int](repeating: 0, count: shared.shape[0]))
        let modulation = sum(shared, own)
        let attended = modulatedLayerNorm(
            tokens, modulation: modulation, shift: .attentionShift, scale: .attentionScale)
        let mixed = attention(attended, rows: rows, columns: columns)
        let afterAttention = gatedResidual(tokens, mixed, modulation: modulation, gate: .attentionGate)
        let read = cross(afterAttention, text: text, rowsOfText: rowsOfText, textOfImage: textOfImage)
        let fed = modulatedLayerNorm(read, modulation: modulation, shift: .feedForwardShift, scale: .feedForwardScale)
        return gatedResidual(
            read, feedForwardOutput(tanhGELU(feedForwardInput(fed))), modulation: modulation,
            gate: .feedForwardGate)
    }
}

/// Attention of the tokens of images to the rows of texts, added to the tokens: no norm, modulation or gate.
struct CrossAttentionLayer: Sendable {
    private let heads: Int
    private let query: Linear
    private let keysAndValues: Linear
    private let projection: Linear

    /// The projection begins at zero, so that fresh layers change nothing.
    init(_ scope: ParameterScope, width: Int, heads: Int) {
        self.heads = heads
        query = Linear.xavier(scope / "q_linear", inputs: width, outputs: width)
        keysAndValues = Linear.xavier(scope / "kv_linear", inputs: width, outputs: 2 * width)
        projection = Linear.zeros(scope / "proj", inputs: width, outputs: width)
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - text: embedded rows of texts, [R, D], with the rows of each text and the text of each image.
    /// - Returns: [B, N, D].
    func callAsFunction(
        _ tokens: Tensor, text: Tensor, rowsOfText: [Range<Int>], textOfImage: [Int]
    ) -> Tensor {
        let attended = crossAttention(
            query(tokens), keysAndValues: keysAndValues(text), rows: rowsOfText, textOfImage: textOfImage,
            heads: heads)
        return linear(
            addedTo: tokens, attended, weight: projection.weight.tensor, bias: projection.bias!.tensor)
    }
}
