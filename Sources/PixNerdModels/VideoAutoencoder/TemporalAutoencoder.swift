import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// The temporal part of a video autoencoder, VAE_Temporal of Open-Sora 1.2 (Zheng et al., arXiv 2412.20404, section 2.1): a
/// variational autoencoder over the latents that an image autoencoder makes of a clip's frames. Always in float32.
///
/// Convolutions see no frame ahead; the norms span all frames that are given at once, so the frames of a piece belong
/// together.
public final class TemporalAutoencoder: Sendable {
    public let architecture: TemporalArchitecture
    public let parameters: [Parameter]
    private let encoder: TemporalEncoder
    private let decoder: TemporalDecoder
    private let quantConvolution: CausalConvolution
    private let postQuantConvolution: CausalConvolution

    /// Creates a model with random weights.
    public convenience init(_ architecture: TemporalArchitecture, seed: UInt64) {
        // Only loading throws, initializing never does.
        try! self.init(architecture, source: .initialize(seed: seed))
    }

    /// Creates a model with the weights of a checkpoint under the published names, without `temporal_vae.`.
    ///
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors, or the error of reading.
    public convenience init(_ architecture: TemporalArchitecture, loading source: any TensorSource) throws {
        try self.init(architecture, source: .load(source))
    }

    private init(_ architecture: TemporalArchitecture, source: ParameterStore.Source) throws {
        self.architecture = architecture
        let latent = architecture.latentChannels
        func pointwise(_ scope: ParameterScope, _ channels: Int) -> CausalConvolution {
            CausalConvolution(scope / "conv", inputs: channels, outputs: channels, kernel: 1)
        }
        (encoder, decoder, quantConvolution, postQuantConvolution, parameters) = try ParameterStore.build(source) {
            root in
            (
                TemporalEncoder(root / "encoder", architecture), TemporalDecoder(root / "decoder", architecture),
                pointwise(root / "quant_conv", 2 * latent), pointwise(root / "post_quant_conv", latent), root.parameters
            )
        }
    }

    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

    /// Latents of a clip.
    public func latents(frames: Int) -> Int { architecture.latents(frames: frames) }

    /// Parameters of the distribution of the latents of clips. Frames that are missing to a multiple of the frames for each
    /// latent are zeros before the first.
    ///
    /// - Parameters:
    ///   - x: latents of the frames, [B T, C, h, w], the T frames of each clip one after another.
    ///   - frames: T.
    /// - Returns: [B t, 2 c, h, w]: means, and log-variances as the network computes them, which `gaussianSample` and
    ///   `Posterior` clamp to -30 ... 20.
    public func moments(_ x: Tensor, frames: Int) -> Tensor {
        precondition(
            x.shape.count == 4 && x.shape[1] == architecture.channels && frames > 0 && x.shape[0] % frames == 0,
            "TemporalAutoencoder: \(x.shape) are not [B \(frames), \(architecture.channels), h, w]")
        let latents = latents(frames: frames)
        let missing = latents * architecture.factor - frames
        let padded = missing == 0 ? x : frameWindow(x, frames: frames, from: -missing)
        return quantConvolution(encoder(padded, frames: frames + missing), frames: latents)
    }

    /// Decodes latents of clips.
    ///
    /// - Parameters:
    ///   - latents: [B t, c, h, w], the t latents of each clip one after another.
    ///   - frames: T, of which `latents(frames:)` is t.
    /// - Returns: latents of the frames, [B T, C, h, w].
    public func decode(_ latents: Tensor, frames: Int) -> Tensor {
        let count = self.latents(frames: frames)
        precondition(
            latents.shape.count == 4 && latents.shape[1] == architecture.latentChannels && frames > 0
                && latents.shape[0] % count == 0,
            "TemporalAutoencoder: \(latents.shape) are not [B \(count), \(architecture.latentChannels), h, w]")
        let decoded = decoder(postQuantConvolution(latents, frames: count), frames: count)
        let spare = count * architecture.factor - frames
        return spare == 0 ? decoded : frameWindow(decoded, frames: frames + spare, from: spare)
    }
}
