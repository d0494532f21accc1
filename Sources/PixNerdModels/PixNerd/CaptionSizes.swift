import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

/// How a PixNerd reads captions: by cross-attention in each transformer block, as PixArt does (Chen et al., arXiv
/// 2310.00426).
public struct CaptionSizes: Sendable, Equatable, Codable {
    /// Width of the rows of a text.
    public let width: Int
    /// Most rows of a text.
    public let length: Int
    /// Where the modulation of a block comes from.
    public let modulation: DenoiserOptions.Modulation

    enum CodingKeys: String, CodingKey {
        case width = "caption_channels"
        case length = "model_max_length"
        case modulation
    }

    /// - Throws: `PixNerdError` naming the size that is out of range.
    public init(width: Int, length: Int, modulation: DenoiserOptions.Modulation) throws {
        (self.width, self.length, self.modulation) = (width, length, modulation)
        try require(CodingKeys.width.rawValue, width, in: 1...SizeLimits.width)
        try require(CodingKeys.length.rawValue, length, in: 1...SizeLimits.width)
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            width: values.decode(Int.self, forKey: .width), length: values.decode(Int.self, forKey: .length),
            modulation: values.decode(DenoiserOptions.Modulation.self, forKey: .modulation))
    }

    /// The sizes of a checkpoint's tensors; nil if it does not read captions.
    init?(readFrom source: any TensorSource) throws {
        guard let rows = source.shape(of: "y_embedder.y_embedding"), rows.count == 2,
            source.shape(of: "blocks.0.cross_attn.q_linear.weight") != nil
        else { return nil }
        let isSingle = source.shape(of: "t_block.1.weight") != nil
        try self.init(width: rows[1], length: rows[0], modulation: isSingle ? .single : .perBlock)
    }

    /// Number of weights outside of the transformer blocks beyond those of a model of classes, without its table of classes.
    ///
    /// - Parameter hidden: Token width.
    func weights(hidden: Int) -> CheckedInt {
        let hidden = CheckedInt(hidden)
        let projection = (CheckedInt(width) + 1) * hidden + (hidden + 1) * hidden
        let shared = modulation == .single ? 6 * hidden * (hidden + 1) : 0
        return projection + hidden + shared
    }

    /// Number of weights of a transformer block beyond those of a block of a model of classes.
    func blockWeights(hidden: CheckedInt) -> CheckedInt {
        4 * hidden * (hidden + 1) - (modulation == .single ? 6 * hidden * hidden : 0)
    }
}
