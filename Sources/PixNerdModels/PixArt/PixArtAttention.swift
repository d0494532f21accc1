import PixNerdLayers
import PixNerdTensors

/// Attention of tokens to each other, in some models of Sigma with normalised queries and keys, or with keys and values
/// that squares of tokens share (Chen et al., arXiv 2403.04692, section 3.3). These two forms have no gradient.
struct PixArtAttention: Sendable {
    private let heads: Int
    private let qkv: Linear
    private let projection: Linear
    private let queryNorm: LayerNormWeights?
    private let keyNorm: LayerNormWeights?
    private let compression: Compression?

    /// A depthwise convolution over squares of tokens, and a norm; the same for keys and values.
    private struct Compression: Sendable {
        /// [D, 1, f, f]
        let weight: Parameter
        /// [D]
        let bias: Parameter
        let norm: LayerNormWeights
    }

    init(_ scope: ParameterScope, _ architecture: PixArtArchitecture, block: Int) {
        let width = architecture.hiddenSize
        heads = architecture.heads
        qkv = Linear.xavier(scope / "qkv", inputs: width, outputs: 3 * width)
        projection = Linear.xavier(scope / "proj", inputs: width, outputs: width)
        if architecture.compressedBlocks.contains(block) {
            let (factor, squares) = (architecture.compression, scope / "sr")
            compression = Compression(
                weight: squares.parameter("weight", shape: [width, 1, factor, factor], .linearDefault(inputs: factor)),
                bias: squares.parameter("bias", shape: [width], .zeros),
                norm: LayerNormWeights(scope / "norm", width: width))
        } else {
            compression = nil
        }
        let normalizes = architecture.normalizesKeys
        queryNorm = normalizes ? LayerNormWeights(scope / "q_norm", width: width) : nil
        keyNorm = normalizes ? LayerNormWeights(scope / "k_norm", width: width) : nil
    }

    /// - Parameter tokens: [B, N, D], of a grid of `rows` x `columns`.
    /// - Returns: [B, N, D].
    func callAsFunction(_ tokens: Tensor, rows: Int, columns: Int) -> Tensor {
        guard queryNorm != nil || compression != nil else {
            return projection(attention(qkv(tokens, isRounded: true), heads: heads))
        }
        let (batch, width) = (tokens.shape[0], tokens.shape[2])
        var (queries, keys, values) = (part(0, of: tokens), part(1, of: tokens), part(2, of: tokens))
        if let queryNorm { queries = queryNorm(queries, epsilon: 1e-5) }
        if let keyNorm { keys = keyNorm(keys, epsilon: 1e-5) }
        if let compression {
            keys = compressed(keys, compression, rows: rows, columns: columns)
            values = compressed(values, compression, rows: rows, columns: columns)
        }
        let count = keys.shape[1]
        let attended = crossAttention(
            queries, keysAndValues: sideBySide(keys, values).reshaped([batch * count, 2 * width]),
            rows: (0..<batch).map { $0 * count..<($0 + 1) * count }, textOfImage: Array(0..<batch), heads: heads)
        return projection(attended)
    }

    /// Queries (0), keys (1) or values (2), [B, N, D].
    private func part(_ part: Int, of tokens: Tensor) -> Tensor {
        let width = tokens.shape[2]
        let rows = part * width..<(part + 1) * width
        return linear(tokens, weight: qkv.weight.value.rows(rows), bias: qkv.bias!.value.rows(rows))
    }

    /// One token for each square, [B, M, D].
    private func compressed(_ x: Tensor, _ compression: Compression, rows: Int, columns: Int) -> Tensor {
        let squares = squaresOfTokens(
            x, rows: rows, columns: columns, weight: compression.weight.value, bias: compression.bias.value)
        return compression.norm(squares, epsilon: 1e-5)
    }
}
