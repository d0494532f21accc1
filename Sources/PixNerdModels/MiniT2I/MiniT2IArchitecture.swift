import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

/// The sizes of a MiniT2I, and how it is sampled where its configuration says so. Its JSON keys are those of the
/// published `config.json`, but for the inner width of the MLPs, which that gives as a ratio.
public struct MiniT2IArchitecture: Sendable, Equatable, Codable {
    /// Token width D.
    public var hiddenSize: Int
    public var heads: Int
    /// Width d of a head.
    public var headWidth: Int
    /// Number of blocks over text and image.
    public var doubleBlocks: Int
    /// Number of blocks over the text alone.
    public var textBlocks: Int
    /// Inner width of the gated MLPs.
    public var feedForwardWidth: Int
    /// Side P of a patch in pixels.
    public var patchSize: Int
    public var channels: Int
    /// Width K of the bottleneck of the patch embedding.
    public var bottleneck: Int
    /// Width E of the rows that the text encoder gives.
    public var textWidth: Int
    /// Number L of places of a text.
    public var textLength: Int
    /// Side of the images of training; nil if nothing says it.
    public var imageSide: Int?
    /// Number of steps that the model is sampled with; nil if nothing says it.
    public var steps: Int?
    /// The times between which, and at which, guidance acts; nil if nothing says it.
    public var guidanceInterval: [Float]?

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case heads = "num_heads"
        case headWidth = "head_dim"
        case doubleBlocks = "depth_double"
        case textBlocks = "txt_preamble_depth"
        case feedForwardWidth = "mlp_width"
        case patchSize = "patch_size"
        case channels = "in_channels"
        case bottleneck = "pca_channels"
        case textWidth = "txt_input_size"
        case textLength = "prompt_length"
        case imageSide = "image_size"
        case steps = "n_T"
        case guidanceInterval = "cfg_interval"
    }

    /// Sizes; the defaults are those of the published B/16.
    ///
    /// - Parameters:
    ///   - hiddenSize: Token width D, a multiple of 4.
    ///   - heads: Number of attention heads.
    ///   - headWidth: Width of a head, a multiple of 4.
    ///   - doubleBlocks: Number of blocks over text and image.
    ///   - textBlocks: Number of blocks over the text alone.
    ///   - feedForwardWidth: Inner width of the gated MLPs.
    ///   - patchSize: Side of a patch in pixels.
    ///   - channels: Channels of the data.
    ///   - bottleneck: Width of the bottleneck of the patch embedding.
    ///   - textWidth: Width of the rows that the text encoder gives.
    ///   - textLength: Number of places of a text.
    ///   - imageSide: Side of the images of training; nil if nothing says it.
    /// - Throws: `PixNerdError` naming the size that is not valid.
    public init(
        hiddenSize: Int = 768, heads: Int = 12, headWidth: Int = 64, doubleBlocks: Int = 17, textBlocks: Int = 2,
        feedForwardWidth: Int = 2048, patchSize: Int = 16, channels: Int = 3, bottleneck: Int = 128,
        textWidth: Int = 1024, textLength: Int = 256, imageSide: Int? = nil
    ) throws {
        (self.hiddenSize, self.heads, self.headWidth) = (hiddenSize, heads, headWidth)
        (self.doubleBlocks, self.textBlocks) = (doubleBlocks, textBlocks)
        (self.feedForwardWidth, self.patchSize, self.channels) = (feedForwardWidth, patchSize, channels)
        (self.bottleneck, self.textWidth, self.textLength) = (bottleneck, textWidth, textLength)
        self.imageSide = imageSide
        try validate()
    }

    /// Decodes sizes and checks them.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func size(_ key: CodingKeys) throws -> Int { try values.decode(Int.self, forKey: key) }
        try self.init(
            hiddenSize: size(.hiddenSize), heads: size(.heads), headWidth: size(.headWidth),
            doubleBlocks: size(.doubleBlocks), textBlocks: size(.textBlocks),
            feedForwardWidth: size(.feedForwardWidth), patchSize: size(.patchSize), channels: size(.channels),
            bottleneck: size(.bottleneck), textWidth: size(.textWidth), textLength: size(.textLength),
            imageSide: values.decodeIfPresent(Int.self, forKey: .imageSide))
        steps = try values.decodeIfPresent(Int.self, forKey: .steps)
        guidanceInterval = try values.decodeIfPresent([Float].self, forKey: .guidanceInterval)
        try validate()
    }

    func validate() throws {
        let sizes: [(CodingKeys, Int, Int)] = [
            (.hiddenSize, hiddenSize, SizeLimits.width), (.heads, heads, SizeLimits.width),
            (.headWidth, headWidth, SizeLimits.width), (.doubleBlocks, doubleBlocks, SizeLimits.blocks),
            (.feedForwardWidth, feedForwardWidth, SizeLimits.width), (.patchSize, patchSize, SizeLimits.patch),
            (.channels, channels, SizeLimits.channels), (.bottleneck, bottleneck, SizeLimits.width),
            (.textWidth, textWidth, SizeLimits.width), (.textLength, textLength, SizeLimits.textLength),
            (.imageSide, imageSide ?? 1, SizeLimits.side), (.steps, steps ?? 1, SizeLimits.samplingSteps),
        ]
        for (key, value, most) in sizes { try require(key.rawValue, value, in: 1...most) }
        try require(CodingKeys.textBlocks.rawValue, textBlocks, in: 0...SizeLimits.blocks)
        guard headWidth % 4 == 0, hiddenSize % 4 == 0 else {
            throw PixNerdError(
                .invalidValue, "head_dim \(headWidth) or hidden_size \(hiddenSize)",
                found: "is not a multiple of 4, which positions along two axes need")
        }
        guard guidanceInterval.map({ $0.count == 2 && $0[0] <= $0[1] && $0.allSatisfy(\.isFinite) }) ?? true else {
            throw PixNerdError(
                .invalidValue, "cfg_interval", found: "is \(guidanceInterval ?? [])", expected: "two ascending times")
        }
    }

    /// The published sizes by name, at 512 pixels; `B/32` is one of an ablation.
    public static let presets = ["B/16", "L/16", "B/32"]

    /// A published size.
    ///
    /// - Parameter preset: one of `presets`.
    /// - Throws: `PixNerdError` if there is no such preset.
    public init(preset: String) throws {
        switch preset {
        case "B/16": try self.init(imageSide: 512)
        case "B/32": try self.init(patchSize: 32, imageSide: 512)
        case "L/16":
            try self.init(
                hiddenSize: 1248, heads: 24, headWidth: 52, doubleBlocks: 23, feedForwardWidth: 3376, imageSide: 512)
        default:
            throw PixNerdError(
                .invalidValue, found: "There is no MiniT2I preset \(preset)",
                expected: "\(Self.presets.joined(separator: ", "))")
        }
    }

    /// The preset of these sizes, whatever else is known; nil if they are none.
    public var preset: String? {
        Self.presets.first { name in
            guard var known = try? MiniT2IArchitecture(preset: name) else { return false }
            (known.imageSide, known.steps, known.guidanceInterval) = (imageSide, steps, guidanceInterval)
            return known == self
        }
    }
}
