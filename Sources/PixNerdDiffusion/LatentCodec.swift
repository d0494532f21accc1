import PixNerdTensors

/// The pixels and frames that latents stand for.
public struct LatentGrid: Sendable, Equatable {
    /// Pixels along a side for each latent.
    public let space: Int
    /// Frames for each latent; 1 for images.
    public let time: Int

    public init(space: Int, time: Int = 1) {
        precondition(space > 0 && time > 0, "LatentGrid: \(space) pixels and \(time) frames")
        (self.space, self.time) = (space, time)
    }
}

/// A codec between images and normal distributions of latents: all that diffusion knows about an autoencoder.
public protocol LatentCodec: Sendable {
    var latentChannels: Int { get }
    /// The pixels that latents stand for, and one frame.
    var grid: LatentGrid { get }

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

extension LatentCodec {
    /// Downsampling factor f: pixels along a side for each latent.
    public var reduction: Int { grid.space }
}
