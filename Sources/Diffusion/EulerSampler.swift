import Layers
import Tensors

/// The times of a sampler: linspace(0, 1 - 1/steps, steps) and 1, after the shift.
///
/// - Returns: steps + 1 times from 0 to 1.
public func samplingTimes(steps: Int, shift: Float) -> [Float] {
    precondition(steps > 0, "samplingTimes: \(steps) steps")
    let last = 1 - 1 / Float(steps)
    // As torch.linspace does it: the first half from the start, the second from the end.
    let spacing = steps > 1 ? last / Float(steps - 1) : 0
    let times = (0..<steps).map { $0 < steps / 2 ? spacing * Float($0) : last - spacing * Float(steps - 1 - $0) }
    return (times + [1]).map { shiftedTime($0, by: shift) }
}

/// How pictures are sampled.
public struct SamplingSettings: Sendable, Equatable {
    /// Evaluations of the velocity for each picture.
    public var steps: Int
    public var guidance: Guidance
    /// Of the times; 1 is none.
    public var shift: Float

    public init(steps: Int = 100, guidance: Guidance = Guidance(), shift: Float = 1) {
        self.steps = steps
        self.guidance = guidance
        self.shift = shift
    }
}

/// Follows the velocity from noise to data in straight steps.
///
/// - Parameters:
///   - noise: [B, C, H, W], standard normal.
///   - labels: B classes.
///   - afterStep: called with the number of steps done.
/// - Returns: [B, C, H, W].
public func sampleEuler(
    _ denoiser: some Denoiser, noise: Tensor, labels: [Int], settings: SamplingSettings,
    afterStep: (_ done: Int) -> Void = { _ in }
) -> Tensor {
    let times = samplingTimes(steps: settings.steps, shift: settings.shift)
    var x = noise
    for step in 0..<settings.steps {
        let velocity = settings.guidance.velocity(denoiser, x, time: times[step], labels: labels)
        x = Tensor.combination(1, x, times[step + 1] - times[step], velocity)
        afterStep(step + 1)
    }
    return x
}
