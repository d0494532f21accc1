import PixNerdTensors

/// The training loss of an autoencoder: reconstruction error, KL divergence of the latents from the standard normal,
/// and optionally a perceptual distance (Rombach et al., arXiv 2112.10752, section 3.1, without the adversarial part).
public struct AutoencoderLoss: Sendable {
    public enum Reconstruction: String, Sendable, CaseIterable, Codable {
        /// The mean of |x - x'|.
        case l1
        /// The mean of (x - x')^2.
        case l2
    }

    public var reconstruction: Reconstruction
    /// Weight of the KL divergence. Both error and divergence are summed over an image and divided by its number of
    /// elements, so that weights of published configurations (1e-6) apply.
    public var divergenceWeight: Float
    /// The perceptual distance between an image and its reconstruction, with its weight relative to the reconstruction
    /// error; nil for none.
    public var perceptual: (distance: PerceptualDistance, weight: Float)?

    public init(
        _ reconstruction: Reconstruction = .l1, divergenceWeight: Float = 1e-6,
        perceptual: (distance: PerceptualDistance, weight: Float)? = nil
    ) {
        self.reconstruction = reconstruction
        self.divergenceWeight = divergenceWeight
        self.perceptual = perceptual
    }

    /// The loss and its parts.
    public struct Value {
        /// [1]
        public let loss: Tensor
        /// Reconstruction error of each image.
        public let pictures: [Float]
        /// Mean KL divergence per image, in nats.
        public let divergence: Float
        /// Perceptual distance of each image; nil if it is not part of the loss.
        public let perceptual: [Float]?
    }

    /// Computes the loss from one sample of each image's latents.
    ///
    /// - Parameters:
    ///   - pictures: [B, C, H, W] in -1 ... 1.
    ///   - noise: [B, c, H / f, W / f], standard normal.
    public func callAsFunction(_ model: Autoencoder, _ pictures: Tensor, noise: Tensor) -> Value {
        let moments = model.moments(pictures)
        let decoded = model.decode(gaussianSample(moments, noise: noise))
        let error =
            reconstruction == .l1
            ? meanAbsoluteError(decoded, target: pictures) : meanSquaredError(decoded, target: pictures)
        let divergence = gaussianDivergence(moments)
        let share = divergenceWeight / Float(pictures.count / pictures.shape[0])
        var loss = sum(error.mean, scaled(divergence, by: share))
        let seen = perceptual.map { $0.distance(decoded, target: pictures) }
        if let seen, let weight = perceptual?.weight { loss = sum(loss, scaled(seen.mean, by: weight)) }
        return Value(
            loss: loss, pictures: error.pictures, divergence: divergence.scalar, perceptual: seen?.pictures)
    }
}
