import Foundation
import PixNerdSupport

/// The sizes of a Qwen3 (Qwen Team, arXiv 2505.09388), as its `config.json` gives them.
public struct Qwen3Architecture: Sendable, Equatable, Codable {
    /// Width E of a token.
    public let width: Int
    /// Hidden width of the feed-forward layers.
    public let feedForwardWidth: Int
    /// Number of layers.
    public let depth: Int
    /// Number of attention heads.
    public let heads: Int
    /// Number of heads of keys and values, which divides `heads`.
    public let keyHeads: Int
    /// Width of a head. It is not always E / heads.
    public let headWidth: Int
    /// Rows of the table of tokens. A tokenizer may have fewer tokens.
    public let vocabulary: Int
    /// Epsilon of the RMS norms.
    public let epsilon: Double
    /// Base of the rotary rates.
    public let theta: Double

    enum CodingKeys: String, CodingKey {
        case width = "hidden_size"
        case feedForwardWidth = "intermediate_size"
        case depth = "num_hidden_layers"
        case heads = "num_attention_heads"
        case keyHeads = "num_key_value_heads"
        case headWidth = "head_dim"
        case vocabulary = "vocab_size"
        case epsilon = "rms_norm_eps"
        case theta = "rope_theta"
    }

    /// Creates an architecture.
    ///
    /// - Throws: `PixNerdError` naming a size that is out of its range or does not fit the others, by its key in
    ///   `config.json`.
    public init(
        width: Int, feedForwardWidth: Int, depth: Int, heads: Int, keyHeads: Int, headWidth: Int, vocabulary: Int,
        epsilon: Double = 1e-6, theta: Double = 1e6
    ) throws {
        (self.width, self.feedForwardWidth, self.depth) = (width, feedForwardWidth, depth)
        (self.heads, self.keyHeads, self.headWidth) = (heads, keyHeads, headWidth)
        (self.vocabulary, self.epsilon, self.theta) = (vocabulary, epsilon, theta)
        for (key, value, most) in [
            (CodingKeys.width, width, SizeLimits.width), (.feedForwardWidth, feedForwardWidth, 4 * SizeLimits.width),
            (.depth, depth, SizeLimits.blocks), (.heads, heads, SizeLimits.width),
            (.keyHeads, keyHeads, SizeLimits.width), (.headWidth, headWidth, SizeLimits.width),
            (.vocabulary, vocabulary, SizeLimits.tokens),
        ] {
            try require(key.rawValue, value, in: 1...most)
        }
        guard heads % keyHeads == 0 else {
            throw PixNerdError(
                .invalidValue, "num_key_value_heads", found: "is \(keyHeads)",
                expected: "a divisor of num_attention_heads, \(heads)")
        }
        guard headWidth % 2 == 0 else {
            throw PixNerdError(.invalidValue, "head_dim", found: "is \(headWidth)", expected: "an even number")
        }
        guard heads * headWidth <= 4 * SizeLimits.width else {
            throw PixNerdError(
                .invalidValue, "num_attention_heads", found: "is \(heads), with a head_dim of \(headWidth)",
                expected: "a product of at most \(4 * SizeLimits.width)")
        }
        guard epsilon > 0, epsilon < 1 else {
            throw PixNerdError(
                .invalidValue, "rms_norm_eps", found: "is \(epsilon)", expected: "a number between 0 and 1")
        }
        guard theta >= 1, theta.isFinite else {
            throw PixNerdError(.invalidValue, "rope_theta", found: "is \(theta)", expected: "a number of at least 1")
        }
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            width: values.decode(Int.self, forKey: .width),
            feedForwardWidth: values.decode(Int.self, forKey: .feedForwardWidth),
            depth: values.decode(Int.self, forKey: .depth), heads: values.decode(Int.self, forKey: .heads),
            keyHeads: values.decode(Int.self, forKey: .keyHeads),
            headWidth: values.decode(Int.self, forKey: .headWidth),
            vocabulary: values.decode(Int.self, forKey: .vocabulary),
            epsilon: values.decode(Double.self, forKey: .epsilon), theta: values.decode(Double.self, forKey: .theta))
    }

    /// Width of all heads of queries side by side.
    var queryWidth: Int { heads * headWidth }

    /// Width of all heads of keys side by side.
    var keyWidth: Int { keyHeads * headWidth }

    /// Weights of the matmuls of a layer.
    private var layerWeights: CheckedInt {
        CheckedInt(width) * CheckedInt(2 * queryWidth + 2 * keyWidth + 3 * feedForwardWidth)
    }

    /// Number of parameters, without those of a head that predicts tokens; or the largest `Int`.
    public var parameterCount: Int {
        let layer = layerWeights + CheckedInt(2 * width + 2 * headWidth)
        return (CheckedInt(depth) * layer + CheckedInt(vocabulary) * CheckedInt(width) + CheckedInt(width)).clamped
    }

    /// Bytes of all weights but the table of tokens as float32; or the largest `Int`.
    public var widenedBytes: Int { (4 * CheckedInt(depth) * layerWeights).clamped }

    /// Multiply-adds for one text, or the largest `Int`.
    ///
    /// - Parameter length: Number of tokens L, with those of padding.
    public func multiplyAdds(length: Int) -> Int {
        let length = CheckedInt(length)
        let attention = 2 * length * length * CheckedInt(queryWidth)
        return (CheckedInt(depth) * (length * layerWeights + attention)).clamped
    }

    /// Name of a published size, such as "Qwen3-1.7B"; "Qwen3" for others.
    public var name: String {
        let published = [
            [1024, 3072, 28, 16, 8]: "0.6B", [2048, 6144, 28, 16, 8]: "1.7B", [2560, 9728, 36, 32, 8]: "4B",
            [4096, 12288, 36, 32, 8]: "8B", [5120, 17408, 40, 40, 8]: "14B", [5120, 25600, 64, 64, 8]: "32B",
        ]
        let size = headWidth == 128 ? published[[width, feedForwardWidth, depth, heads, keyHeads]] : nil
        return "Qwen3" + (size.map { "-\($0)" } ?? "")
    }
}
