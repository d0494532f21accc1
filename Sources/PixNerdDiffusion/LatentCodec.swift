import PixNerdTensors

/// A codec between images and normal distributions of latents: all that diffusion knows about an autoencoder.
public protocol LatentCodec: Sendable {
    var latentChannels: Int { get }
    /// Downsampling factor f: pixels along a side for each latent.
    var reduction: Int { get }

    /// Encodes images to the distributions of their latents.
    ///
    /// - Parameter pictures: [B, 3, H, W] in -1 ... 1.
    /// - Returns: [B, 2 c, H / f, W / f], means followed by logarithms of variances.
    func moments(_ pictures: Tensor) -> Tensor

    /// Decodes latents to images.
    ///
    /// - Parameter latents: unscaled latents, [B, c, h, w].
    /// - Returns: [B, 3, f h, f w], about -1 ... 1.
    func decode(_ latents: Tensor) -> Tensor
}
