import ArgumentParser
import PixNerdDiffusion
import PixNerdSampling

/// The samplers by the names of their options.
enum SamplerName: String, ExpressibleByArgument, CaseIterable {
    case euler
    case heun
    case heunExact = "heun-exact"
    case adams
    case sde
}

/// Where the first noise comes from, where no file is given.
enum NoiseName: String, ExpressibleByArgument, CaseIterable {
    case torch
    case philox
}

/// How noise becomes a picture.
struct SamplerOptions: ParsableArguments {
    @Option(
        help: """
            Sampling steps; heun-exact evaluates the model twice in each, guidance twice as often again (default: the run's, \
            else 100).
            """)
    var steps: Int?

    @Option(
        help: """
            euler; heun (one evaluation a step) or heun-exact (two); adams (see --order); sde (with noise in each step).
            """)
    var sampler = SamplerName.euler

    @Option(help: "Velocities that --sampler adams looks back on, 1 to 4.")
    var order = 2

    @Option(help: "Length of the last step, of the whole way from 0 to 1; one over --steps where not given.")
    var lastStep: Float?

    @Option(
        help: "torch begins with the noise that PyTorch draws from the seed on a CPU; philox with a stream of its own.")
    var noise = NoiseName.torch

    @Option(
        help: """
            A .safetensors file whose one tensor, [pictures, channels, height, width] of the space, is the noise that the \
            pictures begin with, in the order of classes and seeds.
            """)
    var initialNoise: String?

    @Option(
        name: [.long, .customLong("cfg")],
        help: """
            Classifier-free guidance (CFG) scale; 1 turns it off (default: the run's, else 3.5). A list such as 1.5,3,2 has \
            one for each interval of --guidance-interval.
            """)
    var guidance: String?

    @Option(
        help: """
            Guidance acts strictly between these times, LOW,HIGH; 0 is noise and 1 the picture. The run's own, or 0.1,1, \
            where not given. More times, ascending, bound the intervals of a list of --guidance.
            """)
    var guidanceInterval: String?

    @Option(
        help: """
            Spends more steps near noise where above 1, as large pictures need. auto: the run's own, times the square root \
            of how many times more pixels than in training are made. The run's own, or 1, where not given.
            """)
    var shift: String?

    func validate() throws {
        if let steps, !Self.stepRange.contains(steps) {
            throw ValidationError("--steps is \(steps); it must be from 1 to 1000000.")
        }
        guard (1...4).contains(order) else { throw ValidationError("--order is \(order); it must be from 1 to 4.") }
        if let lastStep, !(lastStep > 0 && lastStep < 1) {
            throw ValidationError("--last-step is \(lastStep); it must be greater than 0 and less than 1.")
        }
        if let guidance, !Self.numbers(guidance).allSatisfy(\.isFinite) {
            throw ValidationError("--guidance is \(guidance); a number, or numbers with commas between, is expected.")
        }
        if let shift, shift != "auto", !(Float(shift) ?? 0 > 0 && Float(shift)?.isFinite == true) {
            throw ValidationError("--shift is \(shift); a number greater than 0, or auto, is expected.")
        }
    }

    private static let stepRange = 1...1_000_000

    /// nan for what is no number.
    private static func numbers(_ text: String) -> [Float] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) ?? .nan }
    }

    /// Adds these options to those of sampling.
    func apply(to options: inout SamplingOptions) {
        options.steps = steps
        options.sampler = solver
        options.lastStep = lastStep
        options.guidance = guidance.map(Self.numbers)
        options.guidanceInterval = guidanceInterval.map(Self.numbers)
        options.shift = shift.map { $0 == "auto" ? .auto : .value(Float($0) ?? 1) }
        options.noise = initialNoise.map { .file($0) } ?? (noise == .torch ? .torch : .philox)
    }

    private var solver: Sampler {
        switch sampler {
        case .euler: .euler
        case .heun: .heun
        case .heunExact: .heunExact
        case .adams: .adams(order: order)
        case .sde: .stochastic
        }
    }
}
