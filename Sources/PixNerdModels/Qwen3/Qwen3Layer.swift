import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// A layer of a Qwen3: attention with grouped keys and a gated MLP, each after an RMS norm and added to its input.
struct Qwen3Layer: Sendable {
    private let attentionNorm, feedForwardNorm, queryNorm, keyNorm: Tensor
    private let query, key, value, output: EncoderWeight
    private let gate, up, down: EncoderWeight
    private let epsilon: Float

    /// - Parameter isWidened: Whether the weights of matmuls are converted to float32 and kept.
    /// - Throws: `PixNerdError` if the file cannot be read any more.
    init(
        _ number: Int, of architecture: Qwen3Architecture, _ names: Qwen3Names, _ source: any StoredTensors,
        isWidened: Bool
    ) throws {
        func norm(_ part: String) throws -> Tensor { try source.tensor(names.layer(number, part)) }
        func weight(_ part: String) throws -> EncoderWeight {
            try EncoderWeight(names.layer(number, part), source, isWidened: isWidened)
        }
        attentionNorm = try norm("input_layernorm")
        feedForwardNorm = try norm("post_attention_layernorm")
        queryNorm = try norm("self_attn.q_norm")
        keyNorm = try norm("self_attn.k_norm")
        query = try weight("self_attn.q_proj")
        key = try weight("self_attn.k_proj")
        value = try weight("self_attn.v_proj")
        output = try weight("self_attn.o_proj")
        gate = try weight("mlp.gate_proj")
        up = try weight("mlp.up_proj")
        down = try weight("mlp.down_proj")
        epsilon = Float(architecture.epsilon)
    }

    /// What a layer needs to know of its texts.
    struct Texts {
        /// Number of tokens of each text that are no padding.
        let counts: [Int]
        /// [L, 2, d / 2], from `rotaryTable(tokens:headWidth:theta:)`.
        let table: Tensor
        let empty: SightOfPadding
    }

    /// - Parameter x: [B, L, E].
    /// - Returns: [B, L, E].
    func callAsFunction(_ x: Tensor, _ texts: Texts) -> Tensor {
        let normed = rmsNorm(x, weight: attentionNorm, epsilon: epsilon)
        let attended = causalAttention(
            queries: query(normed), keys: key(normed), values: value(normed), queryNorm: queryNorm, keyNorm: keyNorm,
            table: texts.table, counts: texts.counts, empty: texts.empty, epsilon: epsilon)
        let x = sum(x, output(attended))
        return sum(x, feedForward(rmsNorm(x, weight: feedForwardNorm, epsilon: epsilon)))
    }

    private func feedForward(_ x: Tensor) -> Tensor {
        if case .widened(let gate) = gate, case .widened(let up) = up, case .widened(let down) = down {
            return swiGLU(x, gateWeight: gate, valueWeight: up, outputWeight: down)
        }
        return down(gatedProduct(gate: gate(x), value: up(x)))
    }
}
