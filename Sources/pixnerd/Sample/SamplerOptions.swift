import ArgumentParser
import PixNerdDiffusion
import PixNerdSampling

/// The values of `--sampler`.
enum SamplerName: String, ExpressibleByArgument, CaseIterable {
    case euler
    case heun
    case heunExact = "heun-exact"
    case adams
    case sde
}

/// The values of `--noise`, the source of the initial noise.
enum NoiseName: String, ExpressibleByArgument, CaseIterable {
    case torch
    case philox
    case published

    var choice: NoiseChoice {
        switch self {
        case .torch: .torch
        case .philox: .philox
        case .published: .published
        }
    }
}

/// The options of the sampler and its noise.
struct SamplerOptions: ParsableArguments {
    @Option(
        help: """
            Number of sampling steps. heun-exact evaluates the model twice per step; guidance doubles the evaluations \
            (default: the run's, else 100).
            """)
    var steps: Int?

    @Option(
        help: """
            euler; heun (one evaluation per step) or heun-exact (two); adams (see --order); sde (noise in each step) \
            (default: adams for published text models, else euler).
            """)
    var sampler: SamplerName?

    @Option(help: "Order of the Adams-Bashforth sampler: the number of past velocities used, 1 to 4.")
    var order = 2

    @Option(help: "Fraction of [0, 1] covered by the last step (default: 1 / steps).")
    var lastStep: Float?

    @Option(
        help: """
            Source of the initial noise: torch for the noise that PyTorch draws from the seed on a CPU; philox for a \
            counter-based stream; published for the images of a prompt drawn one after another from --first-seed, as the \
            published text-to-image demo does.
            """)
    var noise = NoiseName.torch

    @Option(
        help: """
            A .safetensors file whose only tensor, [images, channels, height, width], is the initial noise of the \
            images in the order of classes and seeds, in pixels or latents.
            """)
    var initialNoise: String?

    @Option(
        name: [.long, .customLong("cfg")],
        help: """
            Classifier-free guidance (CFG) scale; 1 turns it off (default: the run's, else 3.5). A list such as \
            1.5,3,2 sets the scale of each interval of --guidance-interval.
            """)
    var guidance: String?

    @Option(
        help: """
            Times LOW,HIGH between which guidance acts; 0 is noise and 1 the image (default: the run's, else 0.1,1). \
            More times, ascending, bound the intervals of a --guidance list.
            """)
    var guidanceInterval: String?

    @Option(
        help: """
            Timestep shift; values above 1 spend more steps near noise, which large images need (default: the run's, \
            else 1). auto: the run's times the square root of the ratio of sampled to training pixels.
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
            throw ValidationError("--guidance is \(guidance); expected a number, or comma-separated numbers.")
        }
        if let guidanceInterval, !Self.numbers(guidanceInterval).allSatisfy(\.isFinite) {
            throw ValidationError(
                "--guidance-interval is '\(guidanceInterval)'; expected LOW,HIGH, such as 0.1,1.")
        }
        if let shift, shift != "auto", !(Float(shift) ?? 0 > 0 && Float(shift)?.isFinite == true) {
            throw ValidationError("--shift is \(shift); expected a number greater than 0, or auto.")
        }
    }

    private static let stepRange = 1...1_000_000

    /// The numbers of a comma-separated list, with NaN for what is no number.
    private static func numbers(_ text: String) -> [Float] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) ?? .nan }
    }

    /// Copies these options to those of sampling.
    func apply(to options: inout SamplingOptions) {
        options.steps = steps
        options.sampler = solver
        options.lastStep = lastStep
        options.guidance = guidance.map(Self.numbers)
        options.guidanceInterval = guidanceInterval.map(Self.numbers)
        options.shift = shift.map { $0 == "auto" ? .auto : .value(Float($0) ?? 1) }
        options.noise = initialNoise.map { .file($0) } ?? noise.choice
    }

    private var solver: Sampler? {
        switch sampler {
        case nil: nil
        case .euler: .euler
        case .heun: .heun
        case .heunExact: .heunExact
        case .adams: .adams(order: order)
        case .sde: .stochastic
        }
    }
}
