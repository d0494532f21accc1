import PixNerdTensors

/// The samplers that take the mean velocity of each step from velocities.
struct VelocitySolver: Solver {
    private let sampler: Sampler
    private let times: [Float]
    private var earlier: [Tensor] = []

    init(_ sampler: Sampler, times: [Float]) {
        self.sampler = sampler
        self.times = times
    }

    mutating func step(
        _ step: Int, from x: Tensor, _ flow: GuidedFlow<some Denoiser>, noise: () -> Tensor
    ) -> (x: Tensor, predicted: () -> Tensor) {
        let (now, next) = (times[step], times[step + 1])
        let isLast = step == times.count - 2
        let slope = slope(step, x, isLast: isLast, flow)
        var end = Tensor.combination(1, x, next - now, slope)
        if case .stochastic = sampler, !isLast {
            end = diffused(end, from: x, slope, time: now, by: next - now, noise: noise())
        }
        return (end, { flow.predicted(slope, from: x, at: now) })
    }

    /// The mean velocity of a step.
    private mutating func slope(
        _ step: Int, _ x: Tensor, isLast: Bool, _ flow: GuidedFlow<some Denoiser>
    ) -> Tensor {
        let (now, next) = (times[step], times[step + 1])
        switch sampler {
        case .heun, .heunExact:
            let atStart =
                sampler == .heun ? earlier.popLast() ?? flow.velocity(x, at: now) : flow.velocity(x, at: now)
            guard !isLast else { return atStart }
            let atEnd = flow.velocity(Tensor.combination(1, x, next - now, atStart), at: next)
            earlier = [atEnd]
            return Tensor.combination(0.5, atStart, 0.5, atEnd)
        case .adams(let order):
            earlier = Array((earlier + [flow.velocity(x, at: now)]).suffix(order))
            let weights = adamsWeights(times: Array(times[...step].suffix(order)), until: next)
            return zip(weights, earlier).dropFirst().reduce(
                Tensor.combination(Float(weights[0]), earlier[0], 0, earlier[0])
            ) { Tensor.combination(1, $0, Float($1.0), $1.1) }
        case .jumps:
            return flow.meanVelocity(x, from: now, to: next)
        default:
            return flow.velocity(x, at: now)
        }
    }
}

/// Adds the score term and the noise of a step to the result of an Euler step: + s w dt + sqrt(2 w dt) n, w = 1 - t.
private func diffused(
    _ x: Tensor, from start: Tensor, _ velocity: Tensor, time: Float, by step: Float, noise: Tensor
) -> Tensor {
    // The score is (t v - x) / (1 - t), so s w is t v - x.
    let pulled = Tensor.combination(1, x, step, Tensor.combination(time, velocity, -1, start))
    return Tensor.combination(1, pulled, (2 * (1 - time) * step).squareRoot(), noise)
}

/// The weights of the velocities at `times` in the mean velocity from the last of these times to `end`.
///
/// They are the integrals of the Lagrange polynomials over the step, divided by their sum.
public func adamsWeights(times: [Float], until end: Float) -> [Double] {
    let nodes = times.map(Double.init)
    let (start, end) = (nodes[nodes.count - 1], Double(end))
    let integrals = nodes.indices.map { index -> Double in
        lagrangeCoefficients(nodes, index).enumerated().reduce(0) { total, term in
            let power = Double(term.offset + 1)
            return total + term.element * (pow(end, power) - pow(start, power)) / power
        }
    }
    let sum = integrals.reduce(0, +)
    return integrals.map { $0 / sum }
}

/// The coefficients of the polynomial that is 1 at one node and 0 at the others, the constant first.
func lagrangeCoefficients(_ nodes: [Double], _ index: Int) -> [Double] {
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
    return coefficients
}

/// x raised to a small whole power.
private func pow(_ x: Double, _ power: Double) -> Double {
    (0..<Int(power)).reduce(1) { product, _ in product * x }
}
