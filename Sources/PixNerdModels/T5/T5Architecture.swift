import Foundation
import PixNerdSupport

/// The sizes of the encoder of a T5 v1.1 (Raffel et al., arXiv 1910.10683; Shazeer, arXiv 2002.05202), as its
/// `config.json` gives them.
public struct T5Architecture: Sendable, Equatable, Codable {
    /// Width E of a token.
    public let width: Int
    /// Hidden width of the feed-forward layers.
    public let feedForwardWidth: Int
    /// Number of blocks.
    public let depth: Int
    /// Number of attention heads.
    public let heads: Int
    /// Width of a head. It is not always E / heads.
    public let headWidth: Int
    /// Rows of the table of tokens. A tokenizer may have fewer tokens.
    public let vocabulary: Int
    /// Number of groups of distances, each with a bias of its own.
    public let buckets: Int
    /// The distance from which on all are in one group.
    public let farDistance: Int
    /// Epsilon of the RMS norms.
    public let epsilon: Double

    enum CodingKeys: String, CodingKey {
        case width = "d_model"
        case feedForwardWidth = "d_ff"
        case depth = "num_layers"
        case heads = "num_heads"
        case headWidth = "d_kv"
        case vocabulary = "vocab_size"
        case buckets = "relative_attention_num_buckets"
        case farDistance = "relative_attention_max_distance"
        case epsilon = "layer_norm_epsilon"
    }

    /// Creates an architecture.
    ///
    /// - Throws: `PixNerdError` naming a size that is out of its range or does not fit the others, by its key in
    ///   `config.json`.
    public init(
        width: Int, feedForwardWidth: Int, depth: Int, heads: Int, headWidth: Int, vocabulary: Int, buckets: Int = 32,
        farDistance: Int = 128, epsilon: Double = 1e-6
    ) throws {
        (self.width, self.feedForwardWidth, self.depth) = (width, feedForwardWidth, depth)
        (self.heads, self.headWidth, self.vocabulary) = (heads, headWidth, vocabulary)
        (self.buckets, self.farDistance, self.epsilon) = (buckets, farDistance, epsilon)
        for (key, value, most) in [
            (CodingKeys.width, width, SizeLimits.width), (.feedForwardWidth, feedForwardWidth, 4 * SizeLimits.width),
            (.depth, depth, SizeLimits.blocks), (.heads, heads, SizeLimits.width),
            (.headWidth, headWidth, SizeLimits.width), (.vocabulary, vocabulary, SizeLimits.tokens),
        ] {
            try require(key.rawValue, value, in: 1...most)
        }
        try require(CodingKeys.buckets.rawValue, buckets, in: 4...SizeLimits.width)
        guard buckets % 4 == 0 else {
            throw PixNerdError(
                .invalidValue, "\(CodingKeys.buckets.rawValue)", found: "is \(buckets)", expected: "a multiple of 4")
        }
        try require(CodingKeys.farDistance.rawValue, farDistance, in: buckets / 4 + 1...SizeLimits.width)
        guard heads * headWidth <= 4 * SizeLimits.width else {
            throw PixNerdError(
                .invalidValue, "num_heads", found: "is \(heads), with a d_kv of \(headWidth)",
                expected: "a product of at most \(4 * SizeLimits.width)")
        }
        guard epsilon > 0, epsilon < 1 else {
            throw PixNerdError(
                .invalidValue, "layer_norm_epsilon", found: "is \(epsilon)", expected: "a number between 0 and 1")
        }
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            width: values.decode(Int.self, forKey: .width),
            feedForwardWidth: values.decode(Int.self, forKey: .feedForwardWidth),
            depth: values.decode(Int.self, forKey: .depth), heads: values.decode(Int.self, forKey: .heads),
            headWidth: values.decode(Int.self, forKey: .headWidth),
            vocabulary: values.decode(Int.self, forKey: .vocabulary),
            buckets: values.decodeIfPresent(Int.self, forKey: .buckets) ?? 32,
            farDistance: values.decodeIfPresent(Int.self, forKey: .farDistance) ?? 128,
            epsilon: values.decodeIfPresent(Double.self, forKey: .epsilon) ?? 1e-6)
    }

    /// Width of all heads side by side.
    var innerWidth: Int { heads * headWidth }

    /// The group that a distance is in: half of them for tokens after the attending one, half for it and those before.
    /// The nearer half of each half are single distances, and the others widen with the logarithm.
    ///
    /// - Parameter distance: the place of the attended token less that of the attending one.
    func bucket(of distance: Int) -> Int {
        let half = buckets / 2
        let exact = half / 2
        let (start, size) = (distance > 0 ? half : 0, abs(distance))
        guard size >= exact else { return start + size }
        // In float32 as the published program, so that distances on the edge of a group are in the same one.
        let share = logf(Float(size) / Float(exact)) / Float(log(Double(farDistance) / Double(exact)))
        return start + min(half - 1, exact + Int(share * Float(half - exact)))
    }

    /// Weights of the matmuls of a block.
    private var blockWeights: CheckedInt { CheckedInt(width) * CheckedInt(4 * innerWidth + 3 * feedForwardWidth) }

    /// Number of parameters of the encoder, without a decoder; or the largest `Int`.
    public var parameterCount: Int {
        let blocks = CheckedInt(depth) * (blockWeights + CheckedInt(2 * width))
        let tables = CheckedInt(vocabulary) * CheckedInt(width) + CheckedInt(buckets) * CheckedInt(heads)
        return (blocks + tables + CheckedInt(width)).clamped
    }

    /// Bytes of all weights but the table of tokens as float32; or the largest `Int`.
    public var widenedBytes: Int { (4 * CheckedInt(depth) * blockWeights).clamped }

    /// Multiply-adds for one text, or the largest `Int`.
    ///
    /// - Parameter length: Number of its tokens K.
    public func multiplyAdds(length: Int) -> Int {
        let length = CheckedInt(length)
        let attention = 2 * length * length * CheckedInt(innerWidth)
        return (CheckedInt(depth) * (length * blockWeights + attention)).clamped
    }

    /// Name of a published size, such as "T5-XXL"; "T5" for others.
    public var name: String {
        let published = [
            [512, 1024, 8, 6]: "small", [768, 2048, 12, 12]: "base", [1024, 2816, 24, 16]: "large",
            [2048, 5120, 24, 32]: "XL", [4096, 10240, 24, 64]: "XXL",
        ]
        let size = headWidth == 64 ? published[[width, feedForwardWidth, depth, heads]] : nil
        return "T5" + (size.map { "-\($0)" } ?? "")
    }
}
