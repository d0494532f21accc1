import PixNerdSupport
import PixNerdTensors

/// The sizes of the temporal part of a video autoencoder, VAE_Temporal of Open-Sora 1.2 (Zheng et al., arXiv 2412.20404,
/// section 2.1), with the JSON keys of its `config.json`.
public struct TemporalArchitecture: Sendable, Equatable {
    /// Channels of the image autoencoder's latents, which this part encodes.
    public var channels: Int
    public var latentChannels: Int
    /// Channels of the first level.
    public var filters: Int
    /// Channels of each level relative to the first, finest level first.
    public var multipliers: [Int]
    /// Residual blocks of each level, and after the last one.
    public var blocksPerLevel: Int
    /// Whether each level but the last halves the number of frames.
    public var halvesTime: [Bool]
    /// Groups of the group norms.
    public var groups: Int

    /// - Throws: `PixNerdError` that names the invalid size.
    public init(
        channels: Int = 4, latentChannels: Int = 4, filters: Int = 128, multipliers: [Int] = [1, 2, 2, 4],
        blocksPerLevel: Int = 4, halvesTime: [Bool] = [false, true, true], groups: Int = 32
    ) throws {
        (self.channels, self.latentChannels, self.filters) = (channels, latentChannels, filters)
        (self.multipliers, self.blocksPerLevel) = (multipliers, blocksPerLevel)
        (self.halvesTime, self.groups) = (halvesTime, groups)
        try validate()
    }

    private func validate() throws {
        for (name, value, most) in [
            ("the number of latent channels", channels, SizeLimits.channels),
            ("latent_embed_dim", latentChannels, SizeLimits.channels), ("filters", filters, SizeLimits.width),
            ("num_res_blocks", blocksPerLevel, SizeLimits.blocksPerLevel), ("num_groups", groups, SizeLimits.width),
            ("the number of channel_multipliers", multipliers.count, Self.mostLevels),
        ] {
            try require(name, value, in: 1...most)
        }
        guard filters % groups == 0 else {
            throw PixNerdError(
                .invalidValue, "filters", found: "is \(filters)", expected: "a multiple of num_groups, \(groups)")
        }
        guard multipliers.allSatisfy({ $0 >= 1 && (CheckedInt($0) * CheckedInt(filters)).clamped <= SizeLimits.width })
        else {
            throw PixNerdError(
                .invalidValue, "channel_multipliers", found: "is \(multipliers)",
                expected: "numbers of at least 1, by which filters becomes at most \(SizeLimits.width)")
        }
        guard halvesTime.count == multipliers.count - 1 else {
            throw PixNerdError(
                .invalidValue, "temporal_downsample", found: "has \(halvesTime.count) values",
                expected: "\(multipliers.count - 1), one for each of channel_multipliers but the last")
        }
    }

    /// Largest number of levels: with all of them halving time, a latent stands for as many frames as a piece may have.
    private static let mostLevels = 9

    /// Channels of each level.
    var widths: [Int] { multipliers.map { filters * $0 } }
    /// Frames for each latent.
    public var factor: Int { 1 << halvesTime.count { $0 } }

    /// Latents of a clip.
    public func latents(frames: Int) -> Int { (frames + factor - 1) / factor }
}

extension TemporalArchitecture {
    /// Infers the sizes from the names and shapes of a checkpoint's tensors.
    ///
    /// - Parameters:
    ///   - source: tensors under the published names, without `temporal_vae.`.
    ///   - groups: groups of the group norms, which shapes do not reveal; 32 in the published one.
    /// - Throws: `PixNerdError` that names the missing or invalid tensor.
    public init(readFrom source: any TensorSource, groups: Int) throws {
        func shape(_ name: String) throws -> [Int] {
            guard let shape = source.shape(of: name), shape.count == 5, !shape.contains(0) else {
                throw PixNerdError(
                    .mismatch, "\(source.origin)",
                    found: "is not the temporal autoencoder of Open-Sora 1.2: it has no 5-dimensional tensor \(name)")
            }
            return shape
        }
        func first(_ level: Int, _ block: Int) -> String {
            "encoder.block_res_blocks.\(level).\(block).conv1.conv.weight"
        }
        func count(_ name: (Int) -> String) -> Int {
            var count = 0
            while count <= SizeLimits.blocksPerLevel, source.shape(of: name(count)) != nil { count += 1 }
            return count
        }
        let input = try shape("encoder.conv_in.conv.weight")
        let widths = try (0..<max(1, count { first($0, 0) })).map { try shape(first($0, 0))[0] }
        guard let odd = widths.first(where: { $0 % input[0] != 0 }) else {
            try self.init(
                channels: input[1], latentChannels: shape("decoder.conv1.conv.weight")[1], filters: input[0],
                multipliers: widths.map { $0 / input[0] }, blocksPerLevel: count { first(0, $0) },
                halvesTime: widths.indices.dropLast().map {
                    source.shape(of: "encoder.conv_blocks.\($0).conv.weight") != nil
                }, groups: groups)
            return
        }
        throw PixNerdError(
            .mismatch, "\(source.origin)", found: "has a level of \(odd) channels",
            expected: "a multiple of those of its first convolution, \(input[0])")
    }
}
