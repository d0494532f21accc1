import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// AutoencoderKL (Rombach et al., arXiv 2112.10752, section 3.1): encodes images to the mean and variance of a normal
/// distribution of latents, and decodes latents to images. Always in float32.
///
/// It does not apply scaling factors: latents here are as the encoder produces them.
public final class Autoencoder: LatentCodec {
    public let architecture: AutoencoderArchitecture
    public let parameters: [Parameter]
    private let encoder: AutoencoderEncoder
    private let decoder: AutoencoderDecoder
    private let quantConvolution: Convolution?
    private let postQuantConvolution: Convolution?

    /// Creates a model with random weights.
    public convenience init(_ architecture: AutoencoderArchitecture, seed: UInt64) {
        // Only loading throws, initializing never does.
        try! self.init(architecture, source: .initialize(seed: seed))
    }

    /// Creates a model with the weights of a checkpoint under diffusers' names.
    ///
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors, or the error of reading.
    public convenience init(_ architecture: AutoencoderArchitecture, loading source: any TensorSource) throws {
        try self.init(architecture, source: .load(source))
    }

    private init(_ architecture: AutoencoderArchitecture, source: ParameterStore.Source) throws {
        self.architecture = architecture
        let latent = architecture.latentChannels
        func pointwise(_ scope: ParameterScope, _ channels: Int) -> Convolution {
            Convolution(scope, inputs: channels, outputs: channels, kernel: (1, 1))
        }
        (encoder, decoder, quantConvolution, postQuantConvolution, parameters) = try ParameterStore.build(source) {
            root in
            (
                AutoencoderEncoder(root / "encoder", architecture), AutoencoderDecoder(root / "decoder", architecture),
                architecture.hasQuantConvolution ? pointwise(root / "quant_conv", 2 * latent) : nil,
                architecture.hasPostQuantConvolution ? pointwise(root / "post_quant_conv", latent) : nil,
                root.parameters
            )
        }
    }

    /// A hash of names and weights, equal for the same weights in different files.
    public var fingerprint: String {
        var fingerprint = Fingerprint()
        for parameter in parameters {
            fingerprint.add(parameter.name)
            fingerprint.add(parameter.value)
        }
        return fingerprint.text
    }

    /// The shape of the latents of images [B, C, H, W]: [B, c, H / f, W / f].
    public func latentShape(of pictures: Tensor) -> [Int] {
        [pictures.shape[0], latentChannels, pictures.shape[2] / reduction, pictures.shape[3] / reduction]
    }

    public var latentChannels: Int { architecture.latentChannels }
    public var grid: LatentGrid { LatentGrid(space: architecture.reduction) }
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

    /// Parameters of the distribution of the latents of images.
    ///
    /// - Parameter pictures: [B, C, H, W] in -1 ... 1; H and W at least `reduction`.
    /// - Returns: [B, 2 c, H / f, W / f]: the mean, then the log-variance as the network computes it, which
    ///   `gaussianSample`, `gaussianDivergence` and `Posterior` clamp to -30 ... 20.
    public func moments(_ pictures: Tensor) -> Tensor {
        precondition(
            pictures.shape.count == 4 && pictures.shape[1] == architecture.channels,
            "Autoencoder: images \(pictures.shape) are not [B, \(architecture.channels), H, W]")
        let encoded = encoder(pictures)
        return quantConvolution.map { $0(encoded) } ?? encoded
    }

    /// The distribution of the latents of images [B, C, H, W] in -1 ... 1.
    public func encode(_ pictures: Tensor) -> Posterior { Posterior(moments: moments(pictures)) }

    /// Decodes unscaled latents.
    ///
    /// - Parameter latents: [B, c, h, w].
    /// - Returns: images [B, C, f h, f w], about -1 ... 1.
    public func decode(_ latents: Tensor) -> Tensor {
        precondition(
            latents.shape.count == 4 && latents.shape[1] == architecture.latentChannels,
            "Autoencoder: latents \(latents.shape) are not [B, \(architecture.latentChannels), h, w]")
        return decoder(postQuantConvolution.map { $0(latents) } ?? latents)
    }
}

/// A normal distribution for each element of the latents of images, without a gradient.
public struct Posterior: Sendable {
    /// [B, c, h, w]
    public let mean: Tensor
    /// [B, c, h, w], in -30 ... 20.
    public let logVariance: Tensor

    public init(mean: Tensor, logVariance: Tensor) {
        precondition(
            mean.shape == logVariance.shape, "Posterior: mean \(mean.shape) and variance \(logVariance.shape) differ")
        self.mean = mean
        self.logVariance = logVariance
    }

    /// - Parameter moments: [B, 2 c, h, w], mean and log-variance.
    public init(moments: Tensor) {
        (mean, logVariance) = gaussianParts(moments)
    }

    /// Latents mean + standard deviation * noise.
    ///
    /// - Parameter noise: [B, c, h, w], standard normal.
    public func sample(noise: Tensor) -> Tensor { gaussianSample(mean: mean, logVariance: logVariance, noise: noise) }
}
