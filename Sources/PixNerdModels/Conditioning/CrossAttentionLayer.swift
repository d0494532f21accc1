import PixNerdLayers
import PixNerdTensors

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
    ///   - captions: embedded rows of texts.
    /// - Returns: [B, N, D].
    func callAsFunction(_ tokens: Tensor, _ captions: EmbeddedCaptions) -> Tensor {
        let attended = crossAttention(
            query(tokens), keysAndValues: keysAndValues(captions.rows), rows: captions.ofText,
            textOfImage: captions.textOfImage, heads: heads)
        return linear(
            addedTo: tokens, attended, weight: projection.weight.tensor, bias: projection.bias!.tensor)
    }
}

/// The table of a block whose modulation is shared but for it (adaLN-single: Chen et al., arXiv 2310.00426, section 2.3).
struct ModulationTable: Sendable {
    /// [6, D]
    let table: Parameter

    init(_ scope: ParameterScope, width: Int) {
        table = scope.parameter(
            "scale_shift_table", shape: [6, width], .normal(standardDeviation: 1 / Float(width).squareRoot()))
    }

    /// The modulation of the block, [B, 6 D], from that of all blocks.
    func callAsFunction(_ shared: Tensor) -> Tensor {
        sum(shared, repeated(table.tensor, count: shared.shape[0]))
    }
}

/// The numbers of a tensor as a row for each image, [count, numbers].
func repeated(_ tensor: Tensor, count: Int) -> Tensor {
    embedding(tensor.reshaped([1, tensor.count]), indices: [Int](repeating: 0, count: count))
}
