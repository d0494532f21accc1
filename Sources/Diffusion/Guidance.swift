import Layers
import Tensors

/// Classifier-free guidance (Ho and Salimans, arXiv 2207.12598) inside an interval of times (Kynkäänniemi et al.,
/// arXiv 2404.07724).
public struct Guidance: Sendable, Equatable {
    /// 1 is no guidance; the velocity is without + scale (with - without).
    public var scale: Float
    /// Guidance acts strictly between these times.
    public var lowerTime: Float
    public var upperTime: Float

    public init(scale: Float = 3.5, lowerTime: Float = 0.1, upperTime: Float = 1) {
        self.scale = scale
        self.lowerTime = lowerTime
        self.upperTime = upperTime
    }

    /// The scale at a time: 1 outside the interval.
    public func scale(at time: Float) -> Float {
        lowerTime < time && time < upperTime ? scale : 1
    }

    /// The guided velocity; one evaluation where the scale is 1, else one of twice the pictures.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - time: of all pictures.
    ///   - labels: B classes.
    public func velocity(_ denoiser: some Denoiser, _ x: Tensor, time: Float, labels: [Int]) -> Tensor {
        let batch = x.shape[0]
        let scale = scale(at: time)
        guard scale != 1 else {
            return denoiser.velocity(x, times: [Float](repeating: time, count: batch), labels: labels)
        }
        let both = denoiser.velocity(
            Tensor.concatenated([x, x]), times: [Float](repeating: time, count: 2 * batch),
            labels: [Int](repeating: denoiser.nullLabel, count: batch) + labels)
        return Tensor.combination(1 - scale, both.rows(0..<batch), scale, both.rows(batch..<2 * batch))
    }
}
