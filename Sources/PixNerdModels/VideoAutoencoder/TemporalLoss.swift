import PixNerdTensors

/// The training loss of the temporal part of a video autoencoder: reconstruction error of the latents of frames, and KL
/// divergence of its own latents from the standard normal, as `AutoencoderLoss` has them for images.
public struct TemporalLoss: Sendable {
    public var reconstruction: AutoencoderLoss.Reconstruction
    /// Weight of the KL divergence. Both error and divergence are summed over a clip and divided by the number of elements of
    /// its frames' latents.
    public var divergenceWeight: Float

    public init(_ reconstruction: AutoencoderLoss.Reconstruction = .l1, divergenceWeight: Float = 1e-6) {
        (self.reconstruction, self.divergenceWeight) = (reconstruction, divergenceWeight)
    }

    /// The loss and its parts.
    public struct Value {
        /// [1]
        public let loss: Tensor
        /// Reconstruction error of each clip.
        public let clips: [Float]
        /// Mean KL divergence per clip, in nats.
        public let divergence: Float
    }

    /// Computes the loss from one sample of each clip's latents.
    ///
    /// - Parameters:
    ///   - x: latents of frames, [B T, C, h, w], the T frames of each clip one after another.
    ///   - frames: T.
    ///   - noise: [B t, c, h, w], standard normal.
    public func callAsFunction(_ model: TemporalAutoencoder, _ x: Tensor, frames: Int, noise: Tensor) -> Value {
        let moments = model.moments(x, frames: frames)
        let decoded = model.decode(gaussianSample(moments, noise: noise), frames: frames)
        let error =
            reconstruction == .l1 ? meanAbsoluteError(decoded, target: x) : meanSquaredError(decoded, target: x)
        let clips = x.shape[0] / frames
        // The divergence is a mean over latents, of which a clip has several.
        let latents = Float(model.latents(frames: frames))
        let divergence = gaussianDivergence(moments)
        let loss = sum(error.mean, scaled(divergence, by: divergenceWeight * latents / Float(x.count / clips)))
        return Value(
            loss: loss,
            clips: (0..<clips).map { clip in
                error.pictures[clip * frames..<(clip + 1) * frames].reduce(0, +) / Float(frames)
            }, divergence: divergence.scalar * latents)
    }
}
