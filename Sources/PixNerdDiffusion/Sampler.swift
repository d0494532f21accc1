import PixNerdLayers
import PixNerdTensors

/// A method to integrate the velocity from noise to data.
public enum Sampler: Sendable, Equatable {
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
}

/// The settings of a sampler.
public struct SamplingSettings: Sendable, Equatable {
    public var sampler: Sampler
    /// Number of steps, each with one evaluation of the velocity (two for `heunExact`).
    public var steps: Int
    public var guidance: Guidance
    /// Timestep shift; 1 is none.
    public var shift: Float
    /// Length of the last step before the shift; nil for 1 / steps.
    public var lastStep: Float?

    public init(
        sampler: Sampler = .euler, steps: Int = 100, guidance: Guidance = Guidance(), shift: Float = 1,
        lastStep: Float? = nil
    ) {
        self.sampler = sampler
        self.steps = steps
        self.guidance = guidance
        self.shift = shift
        self.lastStep = lastStep
    }

    /// The times of the steps, from 0 to 1: linspace(0, 1 - last step, steps) and 1, after the shift.
    public var times: [Float] {
        precondition(steps > 0, "SamplingSettings: \(steps) steps")
        let last = 1 - (lastStep ?? 1 / Float(steps))
        // Computed like torch.linspace: the first half from the start, the second from the end.
        let spacing = steps > 1 ? last / Float(steps - 1) : 0
        let times = (0..<steps).map {
            $0 < steps / 2 ? spacing * Float($0) : last - spacing * Float(steps - 1 - $0)
        }
        // A single step begins at noise.
        return ((steps == 1 ? [0] : times) + [1]).map { shiftedTime($0, by: shift) }
    }
}

/// Integrates the velocity from noise to data.
///
/// - Parameters:
///   - noise: standard normal noise, [B, C, H, W].
///   - condition: B conditions.
///   - settings: settings of the sampler.
///   - stepNoise: returns fresh standard normal noise for a step, [B, C, H, W]; used by `.stochastic` only.
///   - afterStep: called with the number of finished steps and a closure that returns the data predicted from the last
///     velocity, [B, C, H, W].
/// - Returns: [B, C, H, W].
public func sample(
    _ denoiser: some Denoiser, noise: Tensor, condition: any Condition, settings: SamplingSettings,
    stepNoise: (_ step: Int) -> Tensor = { _ in preconditionFailure("sample: this sampler needs noise for its steps") },
    afterStep: (_ done: Int, _ predicted: @escaping () -> Tensor) throws -> Void = { _, _ in }
) rethrows -> Tensor {
    let times = settings.times
    let scale = denoiser.noiseScale
    var x = scale == 1 ? noise : scaled(noise, by: scale)
    var solver = VelocitySolver(settings.sampler, times: times)
    for step in 0..<settings.steps {
        let (now, next) = (times[step], times[step + 1])
        let isLast = step == settings.steps - 1
        func velocity(_ x: Tensor, _ time: Float) -> Tensor {
            settings.guidance.velocity(denoiser, x, time: time, condition: condition)
        }
        let start = x
        let slope = solver.slope(step: step, x: x, isLast: isLast, velocity)
        x = Tensor.combination(1, x, next - now, slope)
        if case .stochastic = settings.sampler, !isLast {
            x = diffused(x, from: start, slope, time: now, by: next - now, noise: scaled(stepNoise(step), by: scale))
        }
        try afterStep(step + 1) { Tensor.combination(1, start, 1 - now, slope) }
    }
    return x
}

/// Adds the score term and the noise of a step to the result of an Euler step: + s w dt + sqrt(2 w dt) n, w = 1 - t.
private func diffused(
    _ x: Tensor, from start: Tensor, _ velocity: Tensor, time: Float, by step: Float, noise: Tensor
) -> Tensor {
    // The score is (t v - x) / (1 - t), so s w is t v - x.
    let pulled = Tensor.combination(1, x, step, Tensor.combination(time, velocity, -1, start))
    return Tensor.combination(1, pulled, (2 * (1 - time) * step).squareRoot(), noise)
}

/// The state that a sampler keeps from step to step, and the mean velocity of each step.
private struct VelocitySolver {
    private let sampler: Sampler
    private let times: [Float]
    private var earlier: [Tensor] = []

    init(_ sampler: Sampler, times: [Float]) {
        self.sampler = sampler
        self.times = times
    }

    mutating func slope(
        step: Int, x: Tensor, isLast: Bool, _ velocity: (_ x: Tensor, _ time: Float) -> Tensor
    ) -> Tensor {
        let (now, next) = (times[step], times[step + 1])
        switch sampler {
        case .euler, .stochastic:
            return velocity(x, now)
        case .heun, .heunExact:
            let atStart = sampler == .heun ? earlier.popLast() ?? velocity(x, now) : velocity(x, now)
            guard !isLast else { return atStart }
            let atEnd = velocity(Tensor.combination(1, x, next - now, atStart), next)
            earlier = [atEnd]
            return Tensor.combination(0.5, atStart, 0.5, atEnd)
        case .adams(let order):
            earlier = Array((earlier + [velocity(x, now)]).suffix(order))
            let weights = adamsWeights(times: Array(times[...step].suffix(order)), until: next)
            return zip(weights, earlier).dropFirst().reduce(
                Tensor.combination(Float(weights[0]), earlier[0], 0, earlier[0])
            ) { Tensor.combination(1, $0, Float($1.0), $1.1) }
        }
    }
}

/// The weights of the velocities at `times` in the mean velocity from the last of these times to `end`.
///
/// They are the integrals of the Lagrange polynomials over the step, divided by their sum.
public func adamsWeights(times: [Float], until end: Float) -> [Double] {
    let nodes = times.map(Double.init)
    let (start, end) = (nodes[nodes.count - 1], Double(end))
    let integrals = nodes.indices.map { index -> Double in
        // Coefficients of the polynomial that is 1 at this node and 0 at the others, the constant first.
        var coefficients = [1.0]
        for (other, node) in nodes.enumerated() where other != index {
            let scale = 1 / (nodes[index] - node)
            var product = [Double](repeating: 0, count: coefficients.count + 1)
            for (power, coefficient) in coefficients.enumerated() {
                product[power] -= coefficient * node * scale
                product[power + 1] += coefficient * scale
            }
            coefficients = product
        }
        return coefficients.enumerated().reduce(0) { total, term in
            let power = Double(term.offset + 1)
            return total + term.element * (pow(end, power) - pow(start, power)) / power
        }
    }
    let sum = integrals.reduce(0, +)
    return integrals.map { $0 / sum }
}

/// x raised to a small whole power.
private func pow(_ x: Double, _ power: Double) -> Double {
    (0..<Int(power)).reduce(1) { product, _ in product * x }
}
