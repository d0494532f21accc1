import PixNerdDiffusion
import PixNerdSpaces
import PixNerdSupport

extension SamplingSettings {
    /// The settings in the options, completed by those that the checkpoint's run samples its previews with, and those
    /// that models of the kind are published with.
    ///
    /// - Parameters:
    ///   - published: The settings that models of the kind are published with.
    ///   - metadata: The checkpoint's metadata.
    ///   - choice: The route to the size, which shifts the run's own times.
    ///   - limits: What a model of few steps may be asked for; nil for other models.
    ///   - name: The checkpoint's name in messages.
    init(
        _ options: SamplingOptions, _ metadata: [String: String], published: SamplingSettings, size: PictureSize,
        choice: SizeChoice, limits: FewStepLimits?, name: String
    ) throws {
        let steps = options.steps ?? Self.steps(metadata) ?? published.steps
        guard options.zeroSteps >= 0, options.zeroSteps < max(1, steps) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.zeroSteps)",
                found: "is \(options.zeroSteps), and there are \(counted(steps, "step"))",
                expected: "a number from 0 to \(steps - 1)")
        }
        self.init(
            sampler: options.sampler ?? published.sampler, steps: steps,
            guidance: try Guidance(
                options, metadata, published: published.guidance, timeShift: choice.timeShift, name: name),
            shift: try Self.shift(options.shift, metadata, published: published.shift, size: size, choice, name: name),
            lastStep: options.lastStep, zeroSteps: options.zeroSteps,
            grid: try TimeGrid(options, published: published.grid, steps: steps, name: name))
        if steps == 1, case .diffusion = grid, options.guidance == nil {
            // A student of one step has learned guided images.
            guidance = Guidance(scale: 1)
        }
        if let limits {
            self = try limits.applied(to: self, isAsked: options.guidance != nil)
        } else if options.guidance == nil, options.guide == nil {
            self = TrainedConditions(metadata).applied(to: self)
        }
    }

    private static func steps(_ metadata: [String: String]) -> Int? {
        metadata["sampling_steps"].flatMap { Int($0) }.flatMap { (1...1_000_000).contains($0) ? $0 : nil }
    }

    private static func shift(
        _ asked: ShiftChoice?, _ metadata: [String: String], published: Float, size: PictureSize, _ choice: SizeChoice,
        name: String
    ) throws -> Float {
        let own = metadata["shift"].flatMap { Float($0) } ?? published
        guard own > 0, own.isFinite else {
            throw PixNerdError(
                .malformed, "\(name)", found: "asks for a shift of \(own)", advice: "give \(Setting.shift)")
        }
        switch asked {
        case nil: return own * choice.timeShift
        case .value(let value): return value
        case .auto:
            guard let trained = choice.trained else {
                throw PixNerdError(
                    .notFound, "\(name)",
                    found: "does not say what size it was trained at, which \(Setting.shift) auto depends on",
                    advice: "give a number for \(Setting.shift)")
            }
            return shiftForSize(own, pixels: size.canvasHeight * size.canvasWidth, trained: trained.area)
        }
    }
}

extension TimeGrid {
    /// The first step of students of one step (Yin et al., arXiv 2311.18828, as PixArt publishes it).
    private static let studentStep = 400

    /// The grid in the options, for models of diffusion.
    fileprivate init(_ options: SamplingOptions, published: TimeGrid, steps: Int, name: String) throws {
        guard case .diffusion(let form, let first) = published else {
            let given = options.grid != nil ? Setting.timeGrid : options.firstStep != nil ? Setting.firstStep : nil
            if let given {
                throw PixNerdError(
                    .mismatch, "\(given)", found: "is for models of a diffusion process, and \(name) is one of a flow",
                    advice: "leave it out")
            }
            self = .flow
            return
        }
        let flowOnly = options.shift != nil ? Setting.shift : options.lastStep != nil ? Setting.lastStep : nil
        if let flowOnly {
            throw PixNerdError(
                .mismatch, "\(flowOnly)", found: "is for models of a flow, and \(name) is one of a diffusion process",
                advice: "leave it out, or choose other steps with \(Setting.timeGrid)")
        }
        let begin = options.firstStep ?? (steps == 1 ? Self.studentStep : first)
        guard (1...999).contains(begin) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.firstStep)", found: "is \(begin)", expected: "a step from 1 to 999")
        }
        guard steps <= begin else {
            throw PixNerdError(
                .invalidValue, "\(Setting.steps)", found: "is \(steps)",
                expected: "at most the first diffusion step, \(begin)")
        }
        self = .diffusion(options.grid ?? form, firstStep: begin)
    }
}

extension Guidance {
    fileprivate init(
        _ options: SamplingOptions, _ metadata: [String: String], published: Guidance, timeShift: Float, name: String
    ) throws {
        func numbers(_ text: String) -> [Float] { text.split(separator: ",").map { Float($0) ?? .nan } }
        let scales = options.guidance ?? metadata["guidance"].map(numbers) ?? published.scales
        let times = options.guidanceInterval ?? metadata["guidance_interval"].map(numbers) ?? published.times
        guard scales.allSatisfy(\.isFinite) else {
            throw PixNerdError(
                .malformed, "\(name)", found: "asks for a guidance of \(scales)", advice: "give \(Setting.guidance)")
        }
        // The comparison is also false if one of them is NaN.
        guard times.count >= 2, zip(times, times.dropFirst()).allSatisfy({ $0 <= $1 }) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.guidanceInterval)", found: "is '\(times.commaList)'",
                expected: "LOW,HIGH, such as 0.1,1")
        }
        guard times.count == scales.count + 1 else {
            throw PixNerdError(
                .invalidValue, "\(Setting.guidanceInterval)",
                found:
                    "is '\(times.commaList)', which bounds \(times.count - 1) intervals, and \(Setting.guidance) has "
                    + "\(scales.count) scales",
                advice: "give one scale for each interval")
        }
        let shifts = options.guidanceInterval == nil && timeShift != 1
        self.init(
            scales: scales, times: shifts ? times.map { shiftedTime($0, by: timeShift) } : times,
            rule: options.guidanceRule, includesEnds: published.includesEnds)
    }
}

extension Sampler {
    /// The name in manifests and options.
    public var name: String {
        switch self {
        case .euler: "euler"
        case .heun: "heun"
        case .heunExact: "heun-exact"
        case .adams: "adams"
        case .stochastic: "sde"
        case .dpm: "dpm"
        case .unipc: "unipc"
        case .jumps: "jumps"
        }
    }

    /// Order of the samplers that have several, Adams-Bashforth and UniPC; nil for the others.
    public var order: Int? {
        switch self {
        case .adams(let order), .unipc(let order): order
        case .euler, .heun, .heunExact, .stochastic, .dpm, .jumps: nil
        }
    }
}

extension [Float] {
    /// The numbers with commas between them, as options take them.
    package var commaList: String { map { "\($0)" }.joined(separator: ",") }
}
