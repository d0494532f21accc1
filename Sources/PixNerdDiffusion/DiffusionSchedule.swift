import Foundation
import PixNerdTensors

/// A diffusion process with 1000 evenly spaced betas (Ho et al., arXiv 2006.11239, section 4), and where on it the points
/// of a flow lie.
///
/// The diffusion z_s = alpha_s x + sigma_s e and the flow x_t = t x + (1 - t) e are linear in the same data x and noise
/// e. At equal signal-to-noise ratio, alpha_s / sigma_s = t / (1 - t), one is a multiple of the other, so a prediction of e
/// from z_s gives the velocity E[x - e | x_t] = (x_t - e) / t exactly (Karras et al., arXiv 2206.00364, appendix B;
/// Kingma and Gao, arXiv 2303.00848).
///
/// The steps 0 ... 999 reach from t = 0.0063 to t = 0.9901. Beyond, the velocity of the nearest of these times is taken
/// at the point of the same direction, which is continuous in t. At t = 0 pure noise stands for z_999, as in diffusion
/// samplers.
public struct DiffusionSchedule: Sendable {
    /// A point of the flow as the diffusion process sees it.
    public struct Point: Sendable {
        /// Diffusion step, 0 ... 999, in general between two integers.
        public let step: Double
        /// z_s / x_t.
        public let inputScale: Float
        /// The velocity is `dataScale` z_s + `noiseScale` e.
        public let dataScale: Float
        public let noiseScale: Float
    }

    /// ln(alpha_s^2 / sigma_s^2), which falls strictly.
    private let logRatios: [Double]

    /// The schedule of the published models: betas from 0.0001 to 0.02.
    public init() {
        var kept = 1.0
        logRatios = (0..<1000).map { step in
            kept *= 1 - (1e-4 + (0.02 - 1e-4) * Double(step) / 999)
            return log(kept / (1 - kept))
        }
    }

    /// The point of the flow at a time from 0 (noise) to 1 (data).
    public func point(at time: Float) -> Point {
        let time = Double(time)
        func flowTime(_ logRatio: Double) -> Double { 1 / (1 + exp(-logRatio / 2)) }
        let reached = min(max(time, flowTime(logRatios[999])), flowTime(logRatios[0]))
        return Point(
            step: step(logRatio: 2 * log(reached / (1 - reached))), inputScale: Float(1 / hypot(time, 1 - time)),
            dataScale: Float(hypot(reached, 1 - reached) / reached), noiseScale: Float(-1 / reached))
    }

    /// The velocity of a flow that a prediction of noise means.
    ///
    /// - Parameters:
    ///   - x: Points of the flow, [B, C, H, W].
    ///   - times: B times.
    ///   - noise: Predicts the noise of noisy data of the diffusion process at B steps, in general between two integers.
    /// - Returns: [B, C, H, W].
    public func velocity(
        _ x: Tensor, times: [Float], noise: (_ noisy: Tensor, _ steps: [Double]) -> Tensor
    ) -> Tensor {
        let points = times.map(point(at:))
        let zeros = [Float](repeating: 0, count: points.count)
        let noisy = Tensor.combination(points.map(\.inputScale), x, zeros, x)
        return Tensor.combination(
            points.map(\.dataScale), noisy, points.map(\.noiseScale), noise(noisy, points.map(\.step)))
    }

    /// The numbers of a whole step that the loss of a learned variance needs.
    ///
    /// - Precondition: the step is in 0 ... 999.
    func numbers(of step: Int) -> DiffusionStepNumbers {
        func kept(_ step: Int) -> Double { step < 0 ? 1 : 1 / (1 + exp(-logRatios[step])) }
        func posterior(_ step: Int) -> Double { beta(step) * (1 - kept(step - 1)) / (1 - kept(step)) }
        func beta(_ step: Int) -> Double { 1 - kept(step) / kept(step - 1) }
        let (now, before, beta) = (kept(step), kept(step - 1), beta(step))
        return DiffusionStepNumbers(
            alpha: now.squareRoot(), sigma: (1 - now).squareRoot(), largestLogVariance: log(beta),
            // At step 0 the smallest variance is 0; that of step 1 takes its place.
            smallestLogVariance: log(posterior(max(step, 1))), ofClean: beta * before.squareRoot() / (1 - now),
            ofNoisy: (1 - before) * (1 - beta).squareRoot() / (1 - now), isLast: step == 0)
    }

    /// The time of the flow at the signal-to-noise ratio of a step; log alpha is linear between whole steps, as in
    /// published samplers.
    package func flowTime(step: Double) -> Double {
        let low = min(max(Int(step), 0), logRatios.count - 2)
        let share = step - Double(low)
        func logAlpha(_ step: Int) -> Double { -0.5 * log1p(exp(-logRatios[step])) }
        let alpha = exp(logAlpha(low) + share * (logAlpha(low + 1) - logAlpha(low)))
        return alpha / (alpha + (1 - alpha * alpha).squareRoot())
    }

    /// The whole step whose time of the flow is nearest to a time.
    func nearestStep(at time: Float) -> Int { Int(point(at: time).step.rounded()) }

    /// A time of the flow that belongs to a whole step, all of which are equally likely.
    public func drawTime(_ numbers: inout RandomStream) -> Float {
        Float(flowTime(step: Double(numbers.nextInteger(below: logRatios.count))))
    }

    /// The step with a logarithm of the signal-to-noise ratio; it is linear between integer steps.
    private func step(logRatio: Double) -> Double {
        // The first step below the ratio; the steps before it are at or above it.
        var (low, high) = (0, logRatios.count)
        while low < high {
            let middle = (low + high) / 2
            if logRatios[middle] < logRatio { high = middle } else { low = middle + 1 }
        }
        guard low > 0 else { return 0 }
        guard low < logRatios.count else { return Double(logRatios.count - 1) }
        let (above, below) = (logRatios[low - 1], logRatios[low])
        return Double(low - 1) + (above - logRatio) / (above - below)
    }
}
