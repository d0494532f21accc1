import Foundation
import PixNerdSupport
import PixNerdTensors

/// The sizes of an AutoencoderKL (Rombach et al., arXiv 2112.10752), with the JSON keys of diffusers' `config.json`.
public struct AutoencoderArchitecture: Sendable, Equatable, Codable {
    /// Channels of the images.
    public var channels: Int
    public var latentChannels: Int
    /// Channels of each level, finest level first; each level after the first halves height and width.
    public var levelWidths: [Int]
    /// Residual blocks per encoder level; decoder levels have one more.
    public var blocksPerLevel: Int
    /// Groups of the group norms.
    public var groups: Int
    /// Whether the middle blocks of encoder and decoder contain self-attention over all pixels.
    public var hasAttention: Bool
    /// Whether a 1 x 1 convolution follows the encoder.
    public var hasQuantConvolution: Bool
    /// Whether a 1 x 1 convolution precedes the decoder.
    public var hasPostQuantConvolution: Bool

    enum CodingKeys: String, CodingKey {
        case channels = "in_channels"
        case latentChannels = "latent_channels"
        case levelWidths = "block_out_channels"
        case blocksPerLevel = "layers_per_block"
        case groups = "norm_num_groups"
        case hasAttention = "mid_block_add_attention"
        case hasQuantConvolution = "use_quant_conv"
        case hasPostQuantConvolution = "use_post_quant_conv"
    }

    /// - Throws: `PixNerdError` that names the invalid size.
    public init(
        channels: Int = 3, latentChannels: Int = 4, levelWidths: [Int], blocksPerLevel: Int = 2, groups: Int = 32,
        hasAttention: Bool = true, hasQuantConvolution: Bool = true, hasPostQuantConvolution: Bool = true
    ) throws {
        self.channels = channels
        self.latentChannels = latentChannels
        self.levelWidths = levelWidths
        self.blocksPerLevel = blocksPerLevel
        self.groups = groups
        self.hasAttention = hasAttention
        self.hasQuantConvolution = hasQuantConvolution
        self.hasPostQuantConvolution = hasPostQuantConvolution
        try validate()
    }

    /// Decodes the sizes; missing keys get diffusers' defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func value<T: Decodable>(_ key: CodingKeys, _ usual: T) throws -> T {
            try values.decodeIfPresent(T.self, forKey: key) ?? usual
        }
        try self.init(
            channels: value(.channels, 3), latentChannels: value(.latentChannels, 4),
            levelWidths: value(.levelWidths, [64]), blocksPerLevel: value(.blocksPerLevel, 1),
            groups: value(.groups, 32), hasAttention: value(.hasAttention, true),
            hasQuantConvolution: value(.hasQuantConvolution, true),
            hasPostQuantConvolution: value(.hasPostQuantConvolution, true))
    }

    private func validate() throws {
        let sizes = [
            ("in_channels", channels), ("latent_channels", latentChannels), ("layers_per_block", blocksPerLevel),
            ("norm_num_groups", groups), ("the number of block_out_channels", levelWidths.count),
        ]
        for (name, value) in sizes where value < 1 {
            throw PixNerdError(.invalidValue, "\(name)", found: "is \(value)", expected: "at least 1")
        }
        guard levelWidths.count <= 16, levelWidths.allSatisfy({ $0 > 0 && $0 % groups == 0 }) else {
            throw PixNerdError(
                .invalidValue, "block_out_channels", found: "is \(levelWidths)",
                expected: "at most 16 multiples of norm_num_groups \(groups)")
        }
    }

    /// Downsampling factor f: image pixels per latent pixel along each axis.
    public var reduction: Int { 1 << (levelWidths.count - 1) }

    /// Multiply-adds of encoding one image of the given size in pixels.
    public func encodingMultiplyAdds(height: Int, width: Int) -> Int {
        var total = height * width * 9 * channels * levelWidths[0]
        var (pixels, inputs) = (height * width, levelWidths[0])
        for (level, outputs) in levelWidths.enumerated() {
            for block in 0..<blocksPerLevel {
                total += pixels * Self.residualBlock(block == 0 ? inputs : outputs, outputs)
            }
            if level + 1 < levelWidths.count {
                pixels /= 4
                total += pixels * 9 * outputs * outputs
            }
            inputs = outputs
        }
        let quant = hasQuantConvolution ? 4 * latentChannels * latentChannels : 0
        return total + middle(pixels: pixels) + pixels * (9 * inputs * 2 * latentChannels + quant)
    }

    /// Multiply-adds of decoding to one image of the given size in pixels.
    public func decodingMultiplyAdds(height: Int, width: Int) -> Int {
        var pixels = height / reduction * (width / reduction)
        var inputs = levelWidths[levelWidths.count - 1]
        let quant = hasPostQuantConvolution ? latentChannels * latentChannels : 0
        var total = pixels * (9 * latentChannels * inputs + quant) + middle(pixels: pixels)
        for (level, outputs) in levelWidths.enumerated().reversed() {
            for block in 0...blocksPerLevel {
                total += pixels * Self.residualBlock(block == 0 ? inputs : outputs, outputs)
            }
            if level > 0 {
                pixels *= 4
                total += pixels * 9 * outputs * outputs
            }
            inputs = outputs
        }
        return total + pixels * 9 * inputs * channels
    }

    private static func residualBlock(_ inputs: Int, _ outputs: Int) -> Int {
        9 * (inputs + outputs) * outputs + (inputs == outputs ? 0 : inputs * outputs)
    }

    private func middle(pixels: Int) -> Int {
        let width = levelWidths[levelWidths.count - 1]
        let attention = hasAttention ? pixels * (4 * width * width + 2 * pixels * width) : 0
        return 2 * pixels * Self.residualBlock(width, width) + attention
    }
}

extension AutoencoderArchitecture {
    /// Infers the sizes from the names and shapes of a checkpoint's tensors.
    ///
    /// - Parameters:
    ///   - source: tensors under diffusers' names.
    ///   - groups: groups of the group norms, which shapes do not reveal; every published autoencoder has 32.
    /// - Throws: `PixNerdError` that names the missing or invalid tensor.
    public init(readFrom source: any TensorSource, groups: Int = 32) throws {
        func shape(_ name: String) throws -> [Int] {
            guard let shape = source.shape(of: name), shape.count == 4, !shape.contains(0) else {
                throw PixNerdError(
                    .mismatch, "\(source.origin)",
                    found: "is not an AutoencoderKL: it has no 4-dimensional tensor \(name)")
            }
            return shape
        }
        func first(_ level: Int, _ block: Int) -> String {
            "encoder.down_blocks.\(level).resnets.\(block).conv1.weight"
        }
        func count(_ name: (Int) -> String) -> Int {
            var count = 0
            while source.shape(of: name(count)) != nil { count += 1 }
            return count
        }
        try self.init(
            channels: shape("encoder.conv_in.weight")[1], latentChannels: shape("encoder.conv_out.weight")[0] / 2,
            levelWidths: (0..<max(1, count { first($0, 0) })).map { try shape(first($0, 0))[0] },
            blocksPerLevel: count { first(0, $0) }, groups: groups,
            hasAttention: source.shape(of: "encoder.mid_block.attentions.0.to_q.weight") != nil,
            hasQuantConvolution: source.shape(of: "quant_conv.weight") != nil,
            hasPostQuantConvolution: source.shape(of: "post_quant_conv.weight") != nil)
    }
}
