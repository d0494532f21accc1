import PixNerdTensors

/// What the network of a denoiser predicts, and the noise that it was trained on: all that turns its output into
/// velocity.
public struct Prediction: Sendable {
    /// The quantity that the network gives for a noisy image.
    public enum Target: String, Sendable, CaseIterable {
        /// The velocity x - e, as PixNerd does.
        case velocity
        /// The clean image x (JiT; Li and He, arXiv 2511.13720).
        case picture
        /// x - P e: the image, less the part of the noise in a subspace of the patches (AsymFlow, arXiv 2605.12964).
        case asymmetric
    }

    public var target: Target
    /// Standard deviation of the noise e.
    public var noiseScale: Float
    /// The smallest 1 - t that the error of a picture is divided by, in training and in sampling.
    public var floor: Float
    /// Whether sampling in steps shorter than `floor` divides by their 1 - t after all, so that the last one arrives at
    /// the predicted image. Divided by more, a part of the noise would remain.
    public var arrives: Bool
    /// The subspace of `asymmetric`; nil for the other targets.
    public var subspace: PatchSubspace?

    /// - Parameters:
    ///   - target: The quantity that the network gives.
    ///   - noiseScale: Standard deviation of the noise.
    ///   - floor: The smallest 1 - t that is divided by.
    ///   - arrives: Whether sampling in shorter steps divides by less.
    ///   - subspace: The subspace of `asymmetric`; nil for the other targets.
    public init(
        _ target: Target = .velocity, noiseScale: Float = 1, floor: Float = Prediction.usualFloor,
        arrives: Bool = true, subspace: PatchSubspace? = nil
    ) {
        precondition(
            (target == .asymmetric) == (subspace != nil), "Prediction: \(target.rawValue) with the wrong subspace")
        (self.target, self.noiseScale, self.subspace) = (target, noiseScale, subspace)
        (self.floor, self.arrives, shortestRest) = (floor, arrives, .infinity)
    }

    /// Whether the network's output is the velocity of noise of standard deviation 1.
    public var isPlain: Bool { target == .velocity && noiseScale == 1 }

    /// The smallest 1 - t that is divided by where nothing else is said.
    public static let usualFloor: Float = 0.05

    /// The 1 - t of the last evaluation in sampling; infinite where that is not known.
    private var shortestRest: Float

    /// The smallest 1 - t that sampling divides by: that of training for pictures, 0.04 for `asymmetric`, as published;
    /// less in shorter steps of a model that arrives.
    private var samplingFloor: Float { min(target == .asymmetric ? 0.04 : floor, shortestRest) }

    /// This prediction in a sampling that evaluates the model at some time before 1 and not later.
    func sampled(until time: Float) -> Prediction {
        guard arrives else { return self }
        var sampled = self
        sampled.shortestRest = 1 - time
        return sampled
    }

    /// What the network should give.
    ///
    /// - Parameters:
    ///   - data: [B, C, H, W].
    ///   - noise: [B, C, H, W], of standard deviation `noiseScale`.
    public func wanted(data: Tensor, noise: Tensor) -> Tensor {
        switch target {
        case .velocity: FlowPath.velocity(data: data, noise: noise)
        case .picture: data
        case .asymmetric: Tensor.combination(1, data, -1, subspace!.projected(noise))
        }
    }

    /// The factors by which an error of the network's output counts as an error of velocity, as it enters the loss:
    /// inside and outside of the subspace.
    ///
    /// For `velocity` every factor is 1. The other targets divide by max(1 - t, floor) instead of 1 - t, so that times
    /// near data do not outweigh the rest.
    func errorFactors(_ times: [Float]) -> (inside: [Float], outside: [Float]) {
        guard target != .velocity else {
            let ones = [Float](repeating: 1, count: times.count)
            return (ones, ones)
        }
        let outside = times.map { 1 / max(1 - $0, floor) }
        return (zip(times, outside).map { (1 - $0) * $1 }, outside)
    }

    /// The error of velocity that an output of the network makes, [B, C, H, W].
    ///
    /// - Parameters:
    ///   - output: the network's output, [B, C, H, W].
    ///   - wanted: what it should be, from `wanted(data:noise:)`.
    ///   - times: B times.
    public func error(_ output: Tensor, wanted: Tensor, times: [Float]) -> Tensor {
        let (inside, outside) = errorFactors(times)
        guard let subspace else { return weightedSum(outside, output, outside.map(-), wanted) }
        let ones = [Float](repeating: 1, count: times.count)
        let difference = weightedSum(ones, output, ones.map(-), wanted)
        return weightedSum(outside, difference, zip(inside, outside).map(-), subspace.projected(difference))
    }

    /// The velocity that an output of the network means.
    ///
    /// - Parameters:
    ///   - output: the network's output, [B, C, H, W].
    ///   - x: the noisy images, [B, C, H, W].
    ///   - times: B times.
    public func velocity(_ output: Tensor, of x: Tensor, times: [Float]) -> Tensor {
        guard target != .velocity else { return output }
        let factors = times.map { 1 / max(1 - $0, samplingFloor) }
        let whole = weightedSum(factors, output, factors.map(-), x)
        guard let subspace else { return whole }
        // P a + (1 - P) (a - x) / (1 - t)
        let ones = [Float](repeating: 1, count: times.count)
        return weightedSum(
            ones, whole, ones, subspace.projected(weightedSum(ones, output, ones.map(-), whole)))
    }

    /// The data that a velocity predicts. Where sampling divided by more than 1 - t this is still the network's own
    /// prediction, and not x + (1 - t) v.
    ///
    /// - Parameters:
    ///   - velocity: velocity from `velocity(_:of:times:)`, or a mixture of such, [B, C, H, W].
    ///   - x: the noisy images, [B, C, H, W].
    ///   - time: time of all images.
    func data(_ velocity: Tensor, from x: Tensor, at time: Float) -> Tensor {
        let rest = target == .velocity ? 1 - time : max(1 - time, samplingFloor)
        let whole = Tensor.combination(1, x, rest, velocity)
        guard let subspace, rest > 1 - time else { return whole }
        return Tensor.combination(1, whole, 1 - time - rest, subspace.projected(velocity))
    }
}
