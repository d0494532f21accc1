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
            ("in_channels", channels, SizeLimits.channels), ("latent_channels", latentChannels, SizeLimits.channels),
            ("layers_per_block", blocksPerLevel, SizeLimits.blocksPerLevel),
            ("norm_num_groups", groups, SizeLimits.width),
            ("the number of block_out_channels", levelWidths.count, Self.mostLevels),
        ]
        for (name, value, most) in sizes { try require(name, value, in: 1...most) }
        guard levelWidths.allSatisfy({ (1...SizeLimits.width).contains($0) && $0 % groups == 0 }) else {
            throw PixNerdError(
                .invalidValue, "block_out_channels", found: "is \(levelWidths)",
                expected: "multiples of norm_num_groups \(groups), at most \(SizeLimits.width)")
        }
    }

    /// Largest number of levels: with more, the largest image would become less than one latent pixel.
    private static let mostLevels = SizeLimits.side.trailingZeroBitCount + 1

    /// Downsampling factor f: image pixels per latent pixel along each axis.
    public var reduction: Int { 1 << (levelWidths.count - 1) }
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
