import ArgumentParser
import PixNerdDiffusion
import PixNerdSampling

extension SamplerName: ExpressibleByArgument {}
extension DiffusionGrid: ExpressibleByArgument {}

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

    @Option(help: "Number of first steps in which the noise stays as it is, as CFG-Zero* proposes.")
    var zeroSteps = 0

    @Option(
        help: """
            euler; heun (one evaluation per step) or heun-exact (two); adams (see --order); dpm (DPM-Solver++(2M)) or \
            unipc (see --order), for few guided steps; sde (noise in each step) (default: adams for published text \
            models, else euler).
            """)
    var sampler: SamplerName?

    @Option(
        help: """
            Order: the number of past velocities that adams uses, 1 to 4, or of past predictions that unipc uses, 2 or 3.
            """)
    var order = SamplerName.usualOrder

    @Option(
        help: """
            Steps of a diffusion model such as PixArt: diffusers (whole steps, then the clean image), alpha or sigma \
            (those of PixArt's scripts) (default: diffusers).
            """)
    var timeGrid: DiffusionGrid?

    @Option(
        help: """
            Diffusion step, 1 to 999, that pure noise stands for (default: 999; with --steps 1, for students of one \
            step, 400).
            """)
    var firstStep: Int?

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
            Guidance scale, by default of classifier-free guidance (CFG); 1 turns it off (default: the run's, else 3.5). A list such as \
            1.5,3,2 sets the scale of each interval of --guidance-interval.
            """)
    var guidance: String?

    @Option(
        help: """
            Times LOW,HIGH between which guidance acts; 0 is noise and 1 the image (default: the run's, else 0.1,1). \
            More times, ascending, bound the intervals of a --guidance list.
            """)
    var guidanceInterval: String?

    @Flag(help: "Guide by CFG-Zero*: scale the velocity without a class or prompt, image by image, to the one with it.")
    var zeroStar = false

    @Option(
        help: """
            Guide away from another checkpoint under the same class or prompt (autoguidance), instead of from the model \
            without one: a smaller model, or an earlier step of the run as RUN@STEP. It takes the kind of weights that \
            --weights chooses.
            """)
    var guide: String?

    @Option(
        help: """
            Timestep shift; values above 1 spend more steps near noise, which large images need (default: the run's, \
            else 1). auto: the run's times the square root of the ratio of sampled to training pixels.
            """)
    var shift: String?

    @Option(
        help: """
            Smallest 1 - t that the distance to a predicted picture is divided by, for models that predict it. A step \
            that is shorter stops short of the picture, and some noise remains (default: that of training, or the last \
            step where that is shorter; for a published MiniT2I 0.05).
            """)
    var floor: Float?

    func validate() throws {
        if let floor, !(floor > 0 && floor <= 1) {
            throw ValidationError("--floor is \(floor); it must be greater than 0 and at most 1.")
        }
        if let firstStep { try expectOption("--first-step", firstStep, in: 1...999) }
        if let steps, !Self.stepRange.contains(steps) {
            throw ValidationError("--steps is \(steps); it must be from 1 to 1000000.")
        }
        let orders = (sampler ?? .adams).orders
        guard orders.contains(order) else {
            let bounds =
                orders.count == 1 ? "\(orders.lowerBound)" : "from \(orders.lowerBound) to \(orders.upperBound)"
            let use = orders == SamplerName.adams.orders ? "" : " with --sampler \((sampler ?? .adams).rawValue)"
            throw ValidationError("--order is \(order); it must be \(bounds)\(use).")
        }
        try expectOption("--zero-steps", zeroSteps, in: 0...Self.stepRange.upperBound)
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
        options.sampler = sampler.map { $0.sampler(order: order) }
        options.lastStep = lastStep
        options.grid = timeGrid
        options.firstStep = firstStep
        options.floor = floor
        options.zeroSteps = zeroSteps
        options.guidanceRule = zeroStar ? .zeroStar : .plain
        options.guide = guide
        options.guidance = guidance.map(Self.numbers)
        options.guidanceInterval = guidanceInterval.map(Self.numbers)
        options.shift = shift.map { $0 == "auto" ? .auto : .value(Float($0) ?? 1) }
        options.noise = initialNoise.map { .file($0) } ?? noise.choice
    }
}
