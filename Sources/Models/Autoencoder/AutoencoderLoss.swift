import Tensors

/// What an autoencoder is trained for: pictures that come back, from latents near the standard normal (Rombach et
/// al., arXiv 2112.10752, section 3.1, without the adversarial part).
public struct AutoencoderLoss: Sendable, Equatable {
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

    public init(_ reconstruction: Reconstruction = .l1, divergenceWeight: Float = 1e-6) {
        self.reconstruction = reconstruction
        self.divergenceWeight = divergenceWeight
    }

    /// The loss of pictures through a model, and its parts.
    public struct Value {
        /// [1]
        public let loss: Tensor
        /// The reconstruction error of each picture.
        public let pictures: [Float]
        /// Of a picture, in nats.
        public let divergence: Float
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
        return Value(
            loss: sum(error.mean, scaled(divergence, by: share)), pictures: error.pictures,
            divergence: divergence.scalar)
    }
}
