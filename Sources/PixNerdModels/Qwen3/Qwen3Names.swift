import PixNerdCheckpoints
import PixNerdTensors

/// The tensors of a Qwen3 in a file, whose names may begin with `model.`.
struct Qwen3Names: Sendable {
    /// The beginning of all names: `model.`, or nothing.
    let prefix: String

    init(prefix: String) { self.prefix = prefix }

    init(in source: any TensorSource) {
        prefix = source.names.contains { $0.hasPrefix("model.") } ? "model." : ""
    }

    /// The name of the tensor that predicts tokens, which is not needed here.
    static let head = "lm_head.weight"

    var tokens: String { "\(prefix)embed_tokens.weight" }
    var finalNorm: String { "\(prefix)norm.weight" }

    func layer(_ layer: Int, _ part: String) -> String { "\(prefix)layers.\(layer).\(part).weight" }

    /// All tensors and their shapes.
    func shapes(_ architecture: Qwen3Architecture) -> [(name: String, shape: [Int])] {
        let (width, inner) = (architecture.width, architecture.feedForwardWidth)
        let (queries, keys, head) = (architecture.queryWidth, architecture.keyWidth, architecture.headWidth)
        let parts = [
            ("input_layernorm", [width]), ("self_attn.q_proj", [queries, width]), ("self_attn.k_proj", [keys, width]),
            ("self_attn.v_proj", [keys, width]), ("self_attn.o_proj", [width, queries]), ("self_attn.q_norm", [head]),
            ("self_attn.k_norm", [head]), ("post_attention_layernorm", [width]), ("mlp.gate_proj", [inner, width]),
            ("mlp.up_proj", [inner, width]), ("mlp.down_proj", [width, inner]),
        ]
        let layers = (0..<architecture.depth).flatMap { layer in
            parts.map { (name: self.layer(layer, $0.0), shape: $0.1) }
        }
        return [(tokens, [architecture.vocabulary, width])] + layers + [(finalNorm, [width])]
    }

    /// Checks that a source has all tensors of an architecture in their shapes, and no others.
    ///
    /// - Throws: `CheckpointMismatch` with all that is wrong, or `PixNerdError` if a tensor is of a type that is not
    ///   supported.
    func check(_ source: any StoredTensors, _ architecture: Qwen3Architecture) throws {
        try checkEncoderTensors(shapes(architecture), in: source) { $0 == Self.head }
    }
}
