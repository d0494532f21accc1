import PixNerdDiffusion

/// The samplers by the names that users give them.
public enum SamplerName: String, CaseIterable, Sendable {
    case euler
    case heun
    case heunExact = "heun-exact"
    case adams
    case dpm
    case unipc
    case sde

    /// The order if none is given: the number of past velocities or predictions that a multistep sampler uses.
    public static let usualOrder = 2

    /// The orders that may be given; samplers without orders leave them unused.
    public var orders: ClosedRange<Int> {
        switch self {
        case .dpm: 2...2
        case .unipc: 2...3
        case .euler, .heun, .heunExact, .adams, .sde: 1...4
        }
    }

    /// The sampler of this name.
    ///
    /// - Parameter order: Number of past velocities or predictions that a multistep sampler uses, one of `orders`.
    public func sampler(order: Int) -> Sampler {
        switch self {
        case .euler: .euler
        case .heun: .heun
        case .heunExact: .heunExact
        case .adams: .adams(order: order)
        case .dpm: .dpm
        case .unipc: .unipc(order: order)
        case .sde: .stochastic
        }
    }
}
