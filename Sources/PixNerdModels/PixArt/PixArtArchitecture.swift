import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

/// The sizes of a PixArt: alpha (Chen et al., arXiv 2310.00426), alpha-MS with sizes as a condition, and Sigma (arXiv
/// 2403.04692) with or without compressed keys.
public struct PixArtArchitecture: Sendable, Equatable {
    /// Token width D.
    public let hiddenSize: Int
    /// Number of attention heads.
    public let heads: Int
    /// Number of transformer blocks.
    public let depth: Int
    /// Side of a patch, in latent pixels.
    public let patchSize: Int
    /// Channels of the latents.
    public let channels: Int
    /// Width of the rows of a text.
    public let textWidth: Int
    /// Most tokens of a text.
    public let textLength: Int
    /// Whether the model has rows of its own for no text, as many as `textLength`.
    public let hasEmptyRows: Bool
    /// Whether the model also predicts a variance, which sampling does not use.
    public let learnsSigma: Bool
    /// Side of the token grid whose places have a distance of 1 / `interpolation`; every image spans the same square.
    public let baseGrid: Int
    /// The number that places are divided by.
    public let interpolation: Double
    /// Whether the model is told the height, width and ratio of an image.
    public let takesSizes: Bool
    /// Side of the squares of tokens that share keys and values; 1 if no block has such.
    public let compression: Int
    /// The blocks whose keys and values are compressed, ascending.
    public let compressedBlocks: [Int]
    /// Whether queries and keys are normalised.
    public let normalizesKeys: Bool
    /// Number of blocks that a ControlNet has copies of; 0 without a ControlNet.
    public let controlBlocks: Int

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case heads = "num_heads"
        case depth
        case patchSize = "patch_size"
        case channels = "in_channels"
        case textWidth = "caption_channels"
        case textLength = "model_max_length"
        case hasEmptyRows = "y_embedding"
        case learnsSigma = "learn_sigma"
        case baseGrid = "base_size"
        case interpolation = "pe_interpolation"
        case takesSizes = "micro_condition"
        case compression = "kv_compress_factor"
        case compressedBlocks = "kv_compress_layer"
        case normalizesKeys = "qk_norm"
        case controlBlocks = "num_control_blocks"
    }

    /// The XL/2 of the papers by default.
    ///
    /// - Throws: `PixNerdError` naming the size that is out of range.
    public init(
        hiddenSize: Int = 1152, heads: Int = 16, depth: Int = 28, patchSize: Int = 2, channels: Int = 4,
        textWidth: Int = 4096, textLength: Int = 120, hasEmptyRows: Bool = true, learnsSigma: Bool = true,
        baseGrid: Int = 32, interpolation: Double = 1, takesSizes: Bool = false, compression: Int = 1,
        compressedBlocks: [Int] = [], normalizesKeys: Bool = false, controlBlocks: Int = 0
    ) throws {
        (self.hiddenSize, self.heads, self.depth, self.patchSize) = (hiddenSize, heads, depth, patchSize)
        (self.channels, self.textWidth, self.textLength) = (channels, textWidth, textLength)
        (self.hasEmptyRows, self.learnsSigma) = (hasEmptyRows, learnsSigma)
        (self.baseGrid, self.interpolation, self.takesSizes) = (baseGrid, interpolation, takesSizes)
        (self.compression, self.compressedBlocks) = (compression, compressedBlocks)
        (self.normalizesKeys, self.controlBlocks) = (normalizesKeys, controlBlocks)
        let sizes: [(CodingKeys, Int, Int)] = [
            (.hiddenSize, hiddenSize, SizeLimits.width), (.heads, heads, SizeLimits.width),
            (.depth, depth, SizeLimits.blocks), (.patchSize, patchSize, SizeLimits.patch),
            (.channels, channels, SizeLimits.channels), (.textWidth, textWidth, SizeLimits.width),
            (.textLength, textLength, SizeLimits.width), (.baseGrid, baseGrid, SizeLimits.side),
            (.compression, compression, SizeLimits.patch),
        ]
        for (key, value, most) in sizes { try require(key.rawValue, value, in: 1...most) }
        try require(CodingKeys.controlBlocks.rawValue, controlBlocks, in: 0...depth - 1)
        // Positions need quarters, sizes thirds, and heads equal parts of the width.
        let divisor = takesSizes ? 12 : 4
        guard hiddenSize % heads == 0, hiddenSize % divisor == 0 else {
            throw PixNerdError(
                .invalidValue, "hidden_size", found: "is \(hiddenSize) with num_heads \(heads)",
                expected: "a multiple of num_heads and of \(divisor)")
        }
        guard interpolation.isFinite, interpolation > 0 else {
            throw PixNerdError(
                .invalidValue, "pe_interpolation", found: "is \(interpolation)", expected: "a positive number")
        }
        guard compressedBlocks.allSatisfy((0..<depth).contains), compressedBlocks == compressedBlocks.sorted() else {
            throw PixNerdError(
                .invalidValue, "kv_compress_layer", found: "is \(compressedBlocks)",
                expected: "blocks from 0 to \(depth - 1), ascending")
        }
    }

    /// Hidden width of the MLPs.
    var feedForwardWidth: Int { 4 * hiddenSize }
    /// Channels that the last layer computes: noise, and the variance where it is learned.
    var outputChannels: Int { learnsSigma ? 2 * channels : channels }
    /// Whether the model can be trained: what no published file has, is for inference only.
    public var isTrainable: Bool { compressedBlocks.isEmpty && !normalizesKeys && controlBlocks == 0 }
    /// Pixels of a side of a latent, by which models that are told sizes count.
    static let pixelsPerLatent = 8
}

extension PixArtArchitecture: Codable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func size(_ key: CodingKeys) throws -> Int { try values.decode(Int.self, forKey: key) }
        func flag(_ key: CodingKeys) throws -> Bool { try values.decode(Bool.self, forKey: key) }
        try self.init(
            hiddenSize: size(.hiddenSize), heads: size(.heads), depth: size(.depth), patchSize: size(.patchSize),
            channels: size(.channels), textWidth: size(.textWidth), textLength: size(.textLength),
            hasEmptyRows: flag(.hasEmptyRows), learnsSigma: flag(.learnsSigma), baseGrid: size(.baseGrid),
            interpolation: values.decode(Double.self, forKey: .interpolation), takesSizes: flag(.takesSizes),
            compression: size(.compression), compressedBlocks: values.decode([Int].self, forKey: .compressedBlocks),
            normalizesKeys: flag(.normalizesKeys),
            controlBlocks: values.decodeIfPresent(Int.self, forKey: .controlBlocks) ?? 0)
    }
}
