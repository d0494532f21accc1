import PixNerdTensors

/// What an autoencoder is trained for: pictures that come back, from latents near the standard normal (Rombach et
/// al., arXiv 2112.10752, section 3.1, without the adversarial part).
public struct AutoencoderLoss: Sendable {
    public enum Reconstruction: String, Sendable, CaseIterable, Codable {
        /// The mean of |x - x'|.
        case l1
        /// The mean of (x - x')^2.
        case l2
    }

    public var reconstruction: Reconstruction
    /// The weight of the divergence. Both parts are summed over a picture and divided by its numbers, so that the
    /// weight is that of the published configurations (1e-6).
    public var divergenceWeight: Float
    /// What pictures that come back must look like to a network, where there is one, and what that counts beside the mean
    /// error.
    public var perceptual: (distance: PerceptualDistance, weight: Float)?

    public init(
        _ reconstruction: Reconstruction = .l1, divergenceWeight: Float = 1e-6,
        perceptual: (distance: PerceptualDistance, weight: Float)? = nil
    ) {
        self.reconstruction = reconstruction
        self.divergenceWeight = divergenceWeight
        self.perceptual = perceptual
    }

    /// The loss of pictures through a model, and its parts.
    public struct Value {
        /// [1]
        public let loss: Tensor
        /// The reconstruction error of each picture.
        public let pictures: [Float]
        /// Of a picture, in nats.
        public let divergence: Float
        /// The perceptual distance of each picture, where it is a part.
        public let perceptual: [Float]?
    }

    /// The loss of one sample of each picture's latents.
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
