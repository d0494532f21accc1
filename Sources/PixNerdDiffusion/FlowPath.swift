import Foundation
import PixNerdLayers
import PixNerdTensors

/// The distribution of training times before the shift.
public enum TimeSampling: String, Sendable, CaseIterable {
    /// Uniform in [0, 1).
    case uniform
    /// sigmoid(mean + standard deviation * normal): with mean 0 more often in the middle, with a mean below 0 nearer to
    /// noise (Esser et al., arXiv 2403.03206, section 3.1).
    case logNormal = "lognormal"

    /// Draws one time from a stream.
    ///
    /// - Parameters:
    ///   - mean: mean before the sigmoid; `uniform` ignores it.
    ///   - deviation: standard deviation before the sigmoid; `uniform` ignores it.
    public func draw(_ stream: inout RandomStream, mean: Float = 0, deviation: Float = 1) -> Float {
        switch self {
        case .uniform: stream.nextUniform()
        case .logNormal: 1 / (1 + expf(-(mean + deviation * stream.nextNormalPair().0)))
        }
    }
}

/// The shifted time t / (t + (1 - t) shift). A shift above 1 puts more times near noise (t = 0), which larger images
/// need (Esser et al., arXiv 2403.03206, section 5.3.2, with time running the other way).
public func shiftedTime(_ time: Float, by shift: Float) -> Float {
    time / (time + (1 - time) * shift)
}

/// The shift for images of another size than the training images. It grows with the square root of the number of
/// pixels, which keeps the signal-to-noise ratio (Esser et al., arXiv 2403.03206, section 5.3.2).
///
/// - Parameters:
///   - shift: shift for images of the training size.
///   - pixels: number of pixels of the sampled images.
///   - trained: number of pixels of the training images.
public func shiftForSize(_ shift: Float, pixels: Int, trained: Int) -> Float {
    shift * (Float(pixels) / Float(trained)).squareRoot()
}

/// The straight path from noise (t = 0) to data (t = 1): x_t = t x + (1 - t) e with velocity x - e.
public enum FlowPath {
    /// The noisy data x_t.
    ///
    /// - Parameters:
    ///   - data: [B, C, H, W].
    ///   - noise: [B, C, H, W].
    ///   - times: B times in [0, 1].
    public static func point(data: Tensor, noise: Tensor, times: [Float]) -> Tensor {
        Tensor.combination(times, data, times.map { 1 - $0 }, noise)
    }

    /// The velocity x - e.
    public static func velocity(data: Tensor, noise: Tensor) -> Tensor {
        Tensor.combination(1, data, -1, noise)
    }
}
