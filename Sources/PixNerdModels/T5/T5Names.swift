import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// The tensors of a T5's encoder in a file, which may hold the decoder too.
struct T5Names: Sendable {
    /// The name of the table of tokens, which files have under one of two names or both.
    let tokens: String

    private static let tables = ["shared.weight", "encoder.embed_tokens.weight"]

    init(in source: any TensorSource) {
        tokens = Self.tables.first { source.shape(of: $0) != nil } ?? Self.tables[0]
    }

    /// Whether a tensor belongs to a part that is not needed here: the decoder, and what predicts tokens.
    static func isIgnored(_ name: String) -> Bool { name.hasPrefix("decoder.") || name == "lm_head.weight" }

    /// The name by which a tensor is the same in all files; nil for one that is not used.
    func canonical(_ name: String) -> String? {
        if name == tokens { return Self.tables[0] }
        return Self.isIgnored(name) || Self.tables.contains(name) ? nil : name
    }

    static let finalNorm = "encoder.final_layer_norm.weight"
    static let bias = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"

    static func block(_ block: Int, _ part: String) -> String { "encoder.block.\(block).layer.\(part).weight" }

    /// All tensors and their shapes.
    func shapes(_ architecture: T5Architecture) -> [(name: String, shape: [Int])] {
        let (width, inner) = (architecture.width, architecture.feedForwardWidth)
        let heads = architecture.innerWidth
        let parts = [
            ("0.layer_norm", [width]), ("0.SelfAttention.q", [heads, width]), ("0.SelfAttention.k", [heads, width]),
            ("0.SelfAttention.v", [heads, width]), ("0.SelfAttention.o", [width, heads]), ("1.layer_norm", [width]),
            ("1.DenseReluDense.wi_0", [inner, width]), ("1.DenseReluDense.wi_1", [inner, width]),
            ("1.DenseReluDense.wo", [width, inner]),
        ]
        let blocks = (0..<architecture.depth).flatMap { block in
            parts.map { (name: Self.block(block, $0.0), shape: $0.1) }
        }
        return [(tokens, [architecture.vocabulary, width]), (Self.bias, [architecture.buckets, architecture.heads])]
            + blocks + [(Self.finalNorm, [width])]
    }

    /// Checks that a source has all tensors of an architecture in their shapes, and no others but those of a decoder.
    ///
    /// - Throws: `CheckpointMismatch` with all that is wrong, or `PixNerdError` for an original T5, and if a tensor is of
    ///   a type that is not supported.
    func check(_ source: any StoredTensors, _ architecture: T5Architecture) throws {
        guard source.shape(of: Self.block(0, "1.DenseReluDense.wi")) == nil else {
            throw PixNerdError(
                .unsupported, "\(source.origin)", found: "has the feed-forward layers of an original T5",
                expected: "gated ones", advice: "use a T5 v1.1 or a flan-T5")
        }
        try checkEncoderTensors(
            shapes(architecture), in: source) { Self.isIgnored($0) || Self.tables.contains($0) }
    }
}
