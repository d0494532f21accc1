import PixNerdModels
import PixNerdSupport

extension Configuration {
    /// The temporal part of a video autoencoder to train, over the image autoencoder of `latent.vae`.
    public struct VideoSection: Sendable, Equatable {
        /// Frames of a clip, which also are those of a piece.
        public var frames = VideoNumbers.openSoraPiece
        /// Frames for each latent, a power of two.
        public var factor = 4
        /// Channels of the first level.
        public var filters = 32
        /// Channels of each level relative to the first, finest first.
        public var multipliers = [1, 2, 2, 4]
        public var blocksPerLevel = 1
        public var groups = 8

        /// The architecture; the last levels halve the number of frames.
        ///
        /// - Parameter channels: channels of the image autoencoder's latents.
        /// - Throws: `PixNerdError` naming an invalid size.
        func architecture(channels: Int) throws -> TemporalArchitecture {
            let halvings = factor.trailingZeroBitCount
            let most = multipliers.count - 1
            guard factor == 1 << halvings, halvings <= most else {
                throw PixNerdError(
                    .invalidValue, "video.time_factor", found: "is \(factor)",
                    expected: "a power of two of at most \(1 << min(most, 8)), as \(multipliers.count) of "
                        + "video.channel_multipliers halve the frames \(most) times")
            }
            return try TemporalArchitecture(
                channels: channels, latentChannels: channels, filters: filters, multipliers: multipliers,
                blocksPerLevel: blocksPerLevel, halvesTime: (0..<most).map { $0 >= most - halvings }, groups: groups)
        }
    }

    static let videoKeys: [ConfigurationKey<Configuration>] = [
        .count(
            "video.frames", \.video.frames, 2...1 << 10,
            "frames of the clips that a video autoencoder is trained on, and of the pieces that it encodes at once"),
        .count("video.time_factor", \.video.factor, 1...256, "frames for each latent, a power of two"),
        .count(
            "video.filters", \.video.filters, 1...SizeLimits.width, "width of the first level of the temporal part"),
        ConfigurationKey(
            "video.channel_multipliers", \.video.multipliers,
            "width of each level relative to the first, finest first; the last levels halve the frames",
            limits: "from 1 to \(SizeLimits.ratio), at most 9"
        ) { (1...9).contains($0.count) && $0.allSatisfy { (1...SizeLimits.ratio).contains($0) } },
        .count(
            "video.num_res_blocks", \.video.blocksPerLevel, 1...SizeLimits.blocksPerLevel, "residual blocks per level"),
        .count("video.num_groups", \.video.groups, 1...SizeLimits.width, "groups of group normalization"),
    ]

    /// The first key whose value is not the default and that a video autoencoder does not use.
    var firstKeyWithoutFilms: String? {
        let used = ["latent.vae", "autoencoder.reconstruction", "autoencoder.kl_weight"]
        let others = ["data.crop", "data.flip", "data.channels", "data.range", "data.buckets", "data.fast_decode"]
        return differences(from: Configuration()).map(\.key.name).first { name in
            !used.contains(name)
                && (isOfDenoisers(name) || name.hasPrefix("autoencoder.") || others.contains(name))
        }
    }
}
