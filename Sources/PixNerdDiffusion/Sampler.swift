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
///   - blend: other conditions, towards which the velocities are mixed; nil for none.
///   - known: data that sampling begins with or keeps; nil for images from noise alone. Without it, all steps of the
///     settings are taken.
///   - settings: settings of the sampler.
///   - stepNoise: returns fresh standard normal noise, [B, C, H, W], a different one for each number; used by `.stochastic`
///     and for steps that are repeated.
///   - afterStep: called with the number of finished steps of those that are taken, and a closure that returns the data predicted from the last
///     velocity, [B, C, H, W].
/// - Returns: [B, C, H, W].
public func sample(
    _ denoiser: some Denoiser, guide: (any Denoiser)? = nil, noise: Tensor, condition: any Condition,
    blend: ConditionBlend? = nil, known: KnownData? = nil, settings: SamplingSettings,
    stepNoise: (_ number: Int) -> Tensor = { _ in preconditionFailure("sample: this sampler needs noise for its steps")
    },
    afterStep: (_ done: Int, _ predicted: @escaping () -> Tensor) throws -> Void = { _, _ in }
) rethrows -> Tensor {
    let (still, skipped) = (settings.zeroSteps, settings.skippedSteps)
    precondition(
        (0..<settings.steps).contains(still) && (skipped == 0 || known != nil && still == 0),
        "sample: \(still) zero steps and \(skipped) skipped ones of \(settings.steps) steps")
    guard skipped < settings.steps else { return known!.data }
    let lastTime = settings.evaluationTimes.max()!
    let (denoiser, guide) = (denoiser.sampled(until: lastTime), guide?.sampled(until: lastTime))
    let scale = denoiser.noiseScale
    func scaled(_ x: Tensor, _ factor: Float) -> Tensor { factor == 1 ? x : Tensor.combination(factor, x, 0, x) }
    func ofModel(_ noise: Tensor) -> Tensor { scaled(noise, scale) }
    let begin = still + skipped
    let times = Array(settings.times[begin...])
    let flow = GuidedFlow(
        denoiser: denoiser, guide: guide, guidance: settings.guidance, condition: condition, blend: blend, known: known)
    let noise = ofModel(noise)
    var x =
        skipped > 0
        ? Tensor.combination(times[0], known!.data, 1 - times[0], noise)
        : scaled(noise, SamplingSettings.flowScale(at: times[0]))
    for step in 0..<still { try afterStep(step + 1) { [x] in x } }
    var solver = settings.sampler.solver(times: times, lowersLastStep: settings.lowersLastStep)
    let memo = SamplingMemo()
    for step in begin..<settings.steps {
        // The noise before a step is that of the request, which a repetition would throw away.
        let repetitions = times[step - begin] > 0 && step < settings.steps - 1 ? known?.repetitions ?? 0 : 0
        for repetition in 0..<repetitions {
            var attempt = solver
            let end = memo { attempt.step(step - begin, from: x, flow) { ofModel(stepNoise(step)) } }.x
            let number = settings.steps + step * repetitions + repetition
            x = renoised(end, from: times[step - begin + 1], to: times[step - begin], ofModel(stepNoise(number)))
        }
        let move = memo { solver.step(step - begin, from: x, flow) { ofModel(stepNoise(step)) } }
        x = move.x
        try afterStep(step - skipped + 1, move.predicted)
    }
    return scaled(x, 1 / SamplingSettings.flowScale(at: times[times.count - 1]))
}

/// A point of the flow moved back to an earlier time by more noise: its data is scaled by t / t', and the variance of its
/// noise is filled up to (1 - t)^2 (the resampling of Lugmayr et al., arXiv 2201.09865, section 4.2, on the path of a
/// flow).
///
/// - Parameters:
///   - time: t' of `x`.
///   - earlier: t < t'.
///   - noise: fresh noise of the model's scale, [B, C, H, W].
private func renoised(_ x: Tensor, from time: Float, to earlier: Float, _ noise: Tensor) -> Tensor {
    let ratio = earlier / time
    let (left, kept) = (1 - earlier, ratio * (1 - time))
    return Tensor.combination(ratio, x, (left * left - kept * kept).squareRoot(), noise)
}

/// The flow of a batch with its guidance, towards what is known of the data.
struct GuidedFlow<Model: Denoiser> {
    let denoiser: Model
    let guide: (any Denoiser)?
    let guidance: Guidance
    let condition: any Condition
    let blend: ConditionBlend?
    let known: KnownData?

    func velocity(_ x: Tensor, at time: Float) -> Tensor {
        kept(from: x, at: time) { $0 }
    }

    /// The mean velocity from a time to a later one, of a model that is told the length of the interval.
    func meanVelocity(_ x: Tensor, from time: Float, to end: Float) -> Tensor {
        let lengths = [Float](repeating: end - time, count: condition.count)
        return kept(from: x, at: time) { $0.telling(ModelNumbers(interval: lengths)) }
    }

    /// The guided velocity, which leads straight to the data where that is known.
    ///
    /// - Parameter told: a condition with what the model is told besides.
    private func kept(from x: Tensor, at time: Float, _ told: (any Condition) -> any Condition) -> Tensor {
        func guided(_ condition: any Condition) -> Tensor {
            guidance.velocity(denoiser, guide: guide, x, time: time, condition: told(condition))
        }
        var velocity = guided(condition)
        if let blend { velocity = blend(velocity, guided(blend.condition)) }
        return known?.velocity(velocity, from: x, at: time) ?? velocity
    }

    /// The data that a velocity predicts.
    func predicted(_ velocity: Tensor, from x: Tensor, at time: Float) -> Tensor {
        let predicted = denoiser.predicted(velocity, from: x, at: time)
        return known?.keeping(predicted) ?? predicted
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
