import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

/// The sizes of a text-to-image PixNerd. Its JSON keys are the argument names of the published class.
public struct TextPixNerdArchitecture: Sendable, Equatable, Codable {
    /// Token width D.
    public var hiddenSize: Int
    public var heads: Int
    /// Number of transformer blocks over patches.
    public var encoderBlocks: Int
    /// Number of blocks of the field.
    public var decoderBlocks: Int
    /// Number of transformer blocks over the rows of a text.
    public var textBlocks: Int
    /// Side P of a patch in pixels.
    public var patchSize: Int
    public var channels: Int
    /// Width F of the field.
    public var fieldWidth: Int
    /// Ratio r of the inner width of a field block to F; 2 in the published class, which has no name for it.
    public var fieldRatio: Int
    /// Width E of the rows that the text encoder gives.
    public var textWidth: Int
    /// Number L of rows of a text, with those of padding.
    public var textLength: Int
    /// What the model is told besides time and text, in the order of `ModelNumber`.
    public var numbers: [ModelNumber]

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case heads = "num_groups"
        case encoderBlocks = "num_encoder_blocks"
        case decoderBlocks = "num_decoder_blocks"
        case textBlocks = "num_text_blocks"
        case patchSize = "patch_size"
        case channels = "in_channels"
        case fieldWidth = "decoder_hidden_size"
        case fieldRatio = "nerf_mlpratio"
        case textWidth = "txt_embed_dim"
        case textLength = "txt_max_length"
        case numbers = "told"
    }

    /// Sizes; the defaults are those of the published model, PixNerd-XXL/16.
    ///
    /// - Parameters:
    ///   - hiddenSize: Token width D.
    ///   - heads: Number of attention heads.
    ///   - encoderBlocks: Number of transformer blocks over patches.
    ///   - decoderBlocks: Number of blocks of the field.
    ///   - textBlocks: Number of transformer blocks over the rows of a text.
    ///   - patchSize: Side of a patch in pixels.
    ///   - channels: Channels of the data.
    ///   - fieldWidth: Width F of the field.
    ///   - fieldRatio: Inner width of a field block relative to `fieldWidth`.
    ///   - textWidth: Width E of the rows that the text encoder gives.
    ///   - textLength: Number of rows of a text.
    ///   - numbers: What the model is told besides time and text.
    /// - Throws: `PixNerdError` naming the size that is not valid.
    public init(
        hiddenSize: Int = 1536, heads: Int = 24, encoderBlocks: Int = 16, decoderBlocks: Int = 2, textBlocks: Int = 4,
        patchSize: Int = 16, channels: Int = 3, fieldWidth: Int = 64, fieldRatio: Int = 2, textWidth: Int = 2048,
        textLength: Int = 128, numbers: [ModelNumber] = []
    ) throws {
        self.hiddenSize = hiddenSize
        self.heads = heads
        self.encoderBlocks = encoderBlocks
        self.decoderBlocks = decoderBlocks
        self.textBlocks = textBlocks
        self.patchSize = patchSize
        self.channels = channels
        self.fieldWidth = fieldWidth
        self.fieldRatio = fieldRatio
        self.textWidth = textWidth
        self.textLength = textLength
        self.numbers = ModelNumber.allCases.filter(numbers.contains)
        try validate()
    }

    private func validate() throws {
        let sizes = [
            ("hidden_size", hiddenSize, SizeLimits.width), ("num_groups", heads, SizeLimits.width),
            ("num_encoder_blocks", encoderBlocks, SizeLimits.blocks),
            ("num_decoder_blocks", decoderBlocks, SizeLimits.blocks), ("patch_size", patchSize, SizeLimits.patch),
            ("in_channels", channels, SizeLimits.channels), ("decoder_hidden_size", fieldWidth, SizeLimits.fieldWidth),
            ("nerf_mlpratio", fieldRatio, SizeLimits.ratio), ("txt_embed_dim", textWidth, SizeLimits.width),
            ("txt_max_length", textLength, SizeLimits.textLength),
        ]
        for (name, value, most) in sizes { try require(name, value, in: 1...most) }
        try require("num_text_blocks", textBlocks, in: 0...SizeLimits.blocks)
        guard hiddenSize % heads == 0, hiddenSize / heads % 4 == 0 else {
            throw PixNerdError(
                .invalidValue, "hidden_size \(hiddenSize) / num_groups \(heads)",
                found: "is not a multiple of 4, which rotary positions need for pairs along two axes")
        }
    }

    /// Inner width of the gated MLP of a transformer block.
    public var feedForwardWidth: Int { 4 * hiddenSize }

    /// Number of weights of a model of these sizes.
    public var parameterCount: Int {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let (width, field, length) = (count(hiddenSize), count(fieldWidth), count(textLength))
        let square = width * width
        // Both norms of tokens and of heads, the projection, the MLP and the modulation.
        let common =
            2 * width + 2 * count(hiddenSize / heads) + square + width + 3 * width * count(feedForwardWidth)
            + 6 * width * (width + 1)
        let blocks = count(encoderBlocks) * (common + 5 * square) + count(textBlocks) * (common + 3 * square)
        let patchValues = count(channels) * count(patchSize) * count(patchSize)
        let text = length * width + (count(textWidth) + 1) * width + width
        let embedders =
            (patchValues + 1) * width + (256 + 1) * width + (width + 1) * width + text
            + numbers.embedderWeights(tokenWidth: width, biases: true)
        let fieldBlock = (width + 1) * 2 * field * field * count(fieldRatio) + field
        let ends = (count(channels) + 64 + 1) * field + (field + 1) * count(channels)
        return (blocks + embedders + count(decoderBlocks) * fieldBlock + ends).clamped
    }

    /// Multiply-adds of one forward pass for one image with a text of its own, or the largest `Int`.
    ///
    /// - Parameters:
    ///   - height: Height of the image that the transformer sees, in pixels.
    ///   - width: Width of that image, in pixels.
    public func multiplyAdds(height: Int, width: Int) -> Int {
        func checked(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let tokens = checked(height / patchSize) * checked(width / patchSize)
        let (hidden, channels, length) = (checked(hiddenSize), checked(channels), checked(textLength))
        let (pixels, square) = (checked(patchSize) * checked(patchSize), hidden * hidden)
        let linear = 4 * square + 3 * hidden * checked(feedForwardWidth)
        let block =
            tokens * linear + 2 * length * square + 2 * tokens * (tokens + length) * hidden + 6 * square
        let refine = length * linear + 2 * length * length * hidden + 6 * square
        let ends =
            tokens * channels * pixels * hidden + 256 * hidden + square + length * checked(textWidth) * hidden
            + numbers.embedderWeights(tokenWidth: hidden, biases: false)
        let fieldWidth = checked(fieldWidth)
        let generated = 2 * fieldWidth * fieldWidth * checked(fieldRatio)
        let field =
            checked(decoderBlocks) * tokens * (hidden * generated + pixels * generated)
            + tokens * pixels * fieldWidth * (channels + 64 + channels)
        return (checked(encoderBlocks) * block + checked(textBlocks) * refine + ends + field).clamped
    }
}
