import PixNerdTensors

/// A method to integrate the velocity from noise to data.
public enum Sampler: Sendable, Equatable, Codable {
    /// Euler's method.
    case euler
    /// Heun's method with one model evaluation per step: the velocity at the end of a step is reused at the start of
    /// the next.
    case heun
    /// Heun's method with two model evaluations per step.
    case heunExact
    /// The Adams-Bashforth method, which integrates a polynomial through the last `order` velocities, 1 to 4.
    case adams(order: Int)
    /// The Euler-Maruyama method: x + v dt + s w dt + sqrt(2 w dt) n, where s is the score that v implies and w = 1 - t
    /// (Ma et al., SiT, arXiv 2401.08740, section 2).
    case stochastic
    /// DPM-Solver++(2M), which integrates a line through the last two predicted images (Lu et al., arXiv 2211.01095,
    /// algorithm 2).
    case dpm
    /// UniPC with B(h) = e^h - 1, order 2 or 3: it integrates a polynomial through the last `order` predicted images, and
    /// corrects each step once the image predicted at its end is known (Zhao et al., arXiv 2302.04867, sections 3.1 and
    /// 3.2).
    case unipc(order: Int)
    /// Jumps along the mean velocity of each step, which the model gives because it is told the length of the step.
    case jumps
}

/// Integrates the velocity from noise to data.
///
/// - Parameters:
///   - guide: the worse model that guidance leads away from; nil for the model itself without a condition.
///   - noise: standard normal noise, [B, C, H, W].
///   - condition: B conditions.
///   - settings: settings of the sampler.
///   - stepNoise: returns fresh standard normal noise for a step, [B, C, H, W]; used by `.stochastic` only.
///   - afterStep: called with the number of finished steps and a closure that returns the data predicted from the last
///     velocity, [B, C, H, W].
/// - Returns: [B, C, H, W].
public func sample(
    _ denoiser: some Denoiser, guide: (any Denoiser)? = nil, noise: Tensor, condition: any Condition,
    settings: SamplingSettings,
    stepNoise: (_ step: Int) -> Tensor = { _ in preconditionFailure("sample: this sampler needs noise for its steps") },
    afterStep: (_ done: Int, _ predicted: @escaping () -> Tensor) throws -> Void = { _, _ in }
) rethrows -> Tensor {
    let still = settings.zeroSteps
    precondition((0..<settings.steps).contains(still), "sample: \(still) zero steps of \(settings.steps) steps")
    let scale = denoiser.noiseScale
    func scaled(_ x: Tensor, _ factor: Float) -> Tensor { factor == 1 ? x : Tensor.combination(factor, x, 0, x) }
    func ofModel(_ noise: Tensor) -> Tensor { scaled(noise, scale) }
    let times = Array(settings.times[still...])
    let noise = scaled(ofModel(noise), SamplingSettings.flowScale(at: times[0]))
    for step in 0..<still { try afterStep(step + 1) { noise } }
    let flow = GuidedFlow(denoiser: denoiser, guide: guide, guidance: settings.guidance, condition: condition)
    var solver = settings.sampler.solver(times: times, lowersLastStep: settings.lowersLastStep)
    let memo = SamplingMemo()
    var x = noise
    for step in still..<settings.steps {
        let move = memo { solver.step(step - still, from: x, flow) { ofModel(stepNoise(step)) } }
        x = move.x
        try afterStep(step + 1, move.predicted)
    }
    return scaled(x, 1 / SamplingSettings.flowScale(at: times[times.count - 1]))
}

/// The flow of a batch with its guidance.
struct GuidedFlow<Model: Denoiser> {
    let denoiser: Model
    let guide: (any Denoiser)?
    let guidance: Guidance
    let condition: any Condition

    func velocity(_ x: Tensor, at time: Float) -> Tensor {
        guidance.velocity(denoiser, guide: guide, x, time: time, condition: condition)
    }

    /// The mean velocity from a time to a later one, of a model that is told the length of the interval.
    func meanVelocity(_ x: Tensor, from time: Float, to end: Float) -> Tensor {
        let lengths = [Float](repeating: end - time, count: condition.count)
        return guidance.velocity(
            denoiser, guide: guide, x, time: time, condition: condition.telling(ModelNumbers(interval: lengths)))
    }

    /// The data that a velocity predicts.
    func predicted(_ velocity: Tensor, from x: Tensor, at time: Float) -> Tensor {
        denoiser.predicted(velocity, from: x, at: time)
    }
}

/// A sampler with the state that it keeps from step to step.
protocol Solver {
    /// Takes a step; each is taken once, in order.
    ///
    /// - Parameters:
    ///   - step: number of the step, from 0.
    ///   - x: data at the start of the step, [B, C, H, W].
    ///   - noise: returns fresh standard normal noise, [B, C, H, W].
    /// - Returns: data at the end of the step, and a closure that returns the data predicted from the last velocity.
    mutating func step(
        _ step: Int, from x: Tensor, _ flow: GuidedFlow<some Denoiser>, noise: () -> Tensor
    ) -> (x: Tensor, predicted: () -> Tensor)
}

extension Sampler {
    /// The solver of this sampler.
    ///
    /// - Parameters:
    ///   - times: bounds of the steps, ascending.
    ///   - lowersLastStep: whether the last step of a solver in terms of images is of first order.
    fileprivate func solver(times: [Float], lowersLastStep: Bool) -> any Solver {
        switch self {
        case .euler, .heun, .heunExact, .adams, .stochastic, .jumps: VelocitySolver(self, times: times)
        case .dpm:
            PictureSolver(order: 2, corrects: false, times: times, lowersLastStep: lowersLastStep)
        case .unipc(let order):
            PictureSolver(order: order, corrects: true, times: times, lowersLastStep: lowersLastStep)
        }
    }
}
