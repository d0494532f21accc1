import PixNerdModels

extension Configuration {
    /// The latents that a denoiser is trained in if `space` is `latent`.
    public struct LatentSection: Sendable, Equatable {
        /// Path of a diffusers directory, a weights file, or a run of kind autoencoder.
        public var autoencoder = ""
        /// Directory of precomputed latents; empty to compute them during training.
        public var cache = ""
        /// Scaling factor of an autoencoder whose file has none; 0 for the factor in the file.
        public var scalingFactor: Float = 0
        /// Shift of an autoencoder whose file has no scaling factor.
        public var shiftFactor: Float = 0
        /// Means of the channels of scaled latents, which are subtracted; empty for none.
        public var channelShift: [Float] = []
        /// Standard deviations of the channels of scaled latents, which are divided by; empty for none.
        public var channelScale: [Float] = []
        /// Whether a new run requires that scaled latents have about mean 0 and standard deviation 1.
        public var checkScale = true

        /// What is done to each channel of scaled latents; nil for nothing.
        var normalization: ChannelNormalization? {
            guard !channelShift.isEmpty || !channelScale.isEmpty else { return nil }
            return ChannelNormalization(
                shift: channelShift.isEmpty ? channelScale.map { _ in 0 } : channelShift,
                scale: channelScale.isEmpty ? channelShift.map { _ in 1 } : channelScale)
        }

        /// The configured scale; nil if there is none.
        var scale: LatentScale? {
            scalingFactor > 0 ? LatentScale(factor: scalingFactor, shift: shiftFactor) : nil
        }
    }
}
