import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

/// The sizes of a DiT (Peebles and Xie, arXiv 2212.09748). The keys of its JSON are the arguments of the published
/// class.
public struct DiTArchitecture: Sendable, Equatable {
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
    /// Number of classes, without the unconditional one.
    public let classes: Int
    /// Side of the latents of training, for which the file has position embeddings.
    public let inputSize: Int
    /// Whether the model also predicts a variance, which the probability flow does not use.
    public let learnsSigma: Bool

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case heads = "num_heads"
        case depth
        case patchSize = "patch_size"
        case channels = "in_channels"
        case classes = "num_classes"
        case inputSize = "input_size"
        case learnsSigma = "learn_sigma"
    }

    /// - Throws: `PixNerdError` naming the size that is out of range.
    public init(
        hiddenSize: Int, heads: Int, depth: Int, patchSize: Int = 2, channels: Int = 4, classes: Int = 1000,
        inputSize: Int = 32, learnsSigma: Bool = true
    ) throws {
        (self.hiddenSize, self.heads, self.depth, self.patchSize) = (hiddenSize, heads, depth, patchSize)
        (self.channels, self.classes) = (channels, classes)
        (self.inputSize, self.learnsSigma) = (inputSize, learnsSigma)
        let sizes: [(CodingKeys, Int, Int)] = [
            (.hiddenSize, hiddenSize, SizeLimits.width), (.heads, heads, SizeLimits.width),
            (.depth, depth, SizeLimits.blocks), (.patchSize, patchSize, SizeLimits.patch),
            (.channels, channels, SizeLimits.channels), (.classes, classes, SizeLimits.classes),
            (.inputSize, inputSize, SizeLimits.side),
        ]
        for (key, value, most) in sizes { try require(key.rawValue, value, in: 1...most) }
        guard hiddenSize % heads == 0, hiddenSize % 4 == 0 else {
            throw PixNerdError(
                .invalidValue, "hidden_size", found: "is \(hiddenSize) with num_heads \(heads)",
                expected: "a multiple of num_heads and of 4, since positions embed sine and cosine along two axes")
        }
        guard inputSize % patchSize == 0 else {
            throw PixNerdError(
                .invalidValue, "input_size", found: "is \(inputSize) with patch_size \(patchSize)",
                expected: "a multiple of it")
        }
    }

    /// Side of the token grid of training.
    var gridSize: Int { inputSize / patchSize }
    /// Hidden width of the MLPs.
    var feedForwardWidth: Int { 4 * hiddenSize }
    /// Channels that the last layer computes: noise, and the variance where it is learned.
    var outputChannels: Int { learnsSigma ? 2 * channels : channels }
}

extension DiTArchitecture: DenoiserArchitecture {
    public static let kind = "DiT"

    public var tokenWidth: Int { hiddenSize }
    public var tokenBlocks: Int { depth }
    public var trainedSide: Int? { inputSize }

    public var summary: [String] {
        [
            "DiT: hidden_size \(hiddenSize), num_heads \(heads), depth \(depth), patch_size \(patchSize), "
                + "input_size \(inputSize),",
            "in_channels \(channels), num_classes \(classes)"
                + (learnsSigma ? ", learn_sigma (sampling does not use the predicted variance)" : ""),
            "(a SiT has the same tensors but predicts velocity; it is not supported, and nothing in the file tells)",
        ]
    }

    public var parameterCount: Int {
        let patchValues = channels * patchSize * patchSize
        let block = (3 + 1 + 8 + 6) * hiddenSize * hiddenSize + (3 + 1 + 4 + 1 + 6) * hiddenSize
        let time = (256 + 1) * hiddenSize + (hiddenSize + 1) * hiddenSize
        let final = (hiddenSize + 1) * (2 * hiddenSize + outputChannels * patchSize * patchSize)
        return (patchValues + 1) * hiddenSize + time + (classes + 1) * hiddenSize + gridSize * gridSize * hiddenSize
            + depth * block + final
    }

    public func multiplyAdds(height: Int, width: Int) -> Int {
        func checked(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let tokens = checked(height / patchSize) * checked(width / patchSize)
        let hiddenSize = checked(hiddenSize)
        let square = hiddenSize * hiddenSize
        let block = tokens * 12 * square + 2 * tokens * tokens * hiddenSize + 6 * square
        let patches = tokens * checked(channels * patchSize * patchSize) * hiddenSize
        return (2 * patches + 256 * hiddenSize + square + checked(depth) * block + 2 * square).clamped
    }

    public func load(_ source: any TensorSource, recomputesBlocks: Bool) throws -> any Denoiser {
        try DiT(self, loading: source)
    }

    public func conditioner(_ sources: ConditionerSources) throws -> any Conditioner {
        try ClassConditioner(classes: classes, toldValues: 0, sources)
    }
}

extension DiTArchitecture: Codable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func size(_ key: CodingKeys) throws -> Int { try values.decode(Int.self, forKey: key) }
        try self.init(
            hiddenSize: size(.hiddenSize), heads: size(.heads), depth: size(.depth), patchSize: size(.patchSize),
            channels: size(.channels), classes: size(.classes), inputSize: size(.inputSize),
            learnsSigma: values.decode(Bool.self, forKey: .learnsSigma))
    }
}
