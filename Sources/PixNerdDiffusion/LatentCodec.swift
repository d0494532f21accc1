import PixNerdTensors

/// Pictures to normal distributions of latents and back: what diffusion knows of an autoencoder.
public protocol LatentCodec: Sendable {
    var latentChannels: Int { get }
    /// How many pixels along a side become one latent: f.
    var reduction: Int { get }

    /// - Parameter pictures: [B, 3, H, W] in -1 ... 1.
    /// - Returns: [B, 2 c, H / f, W / f], means and then logarithms of variances.
    func moments(_ pictures: Tensor) -> Tensor

    /// - Parameter latents: [B, c, h, w], without a scale.
    /// - Returns: [B, 3, f h, f w], about -1 ... 1.
    func decode(_ latents: Tensor) -> Tensor
}
