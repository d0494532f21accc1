import PixNerdDiffusion
import PixNerdSampling

/// Settings for sampling a run that are measured against others.
public struct TuningCandidate: Codable, Sendable, Equatable {
    /// Length of the average of the weights, relative to the steps so far; nil for the run's EMA.
    public var length: Double?
    /// Guidance scale of each interval between `times`.
    public var guidance: [Float]
    public var times: [Float]
    /// How guidance acts; nil for the rule of the run.
    public var rule: Guidance.Rule?
    public var sampler: Sampler
    public var steps: Int
    public var shift: Float

    init(length: Double?, _ settings: SamplingSettings) {
        self.length = length
        (guidance, times) = (settings.guidance.scales, settings.guidance.times)
        rule = settings.guidance.rule == .told ? .told : nil
        (sampler, steps, shift) = (settings.sampler, settings.steps, settings.shift)
    }

    /// Settings of a sampler, with these in them.
    func applied(to base: SamplingSettings) -> SamplingSettings {
        var settings = base
        (settings.sampler, settings.steps, settings.shift) = (sampler, steps, shift)
        settings.guidance = Guidance(
            scales: guidance, times: times, rule: rule ?? settings.guidance.rule,
            includesEnds: settings.guidance.includesEnds)
        return settings
    }

    /// Number of model evaluations for an image, roughly in proportion to the time that it takes.
    var evaluations: Int {
        let settings = applied(to: SamplingSettings())
        let (guidance, each) = (settings.guidance, sampler == .heunExact ? 2 : 1)
        return settings.times.dropLast().reduce(0) { $0 + each * guidance.evaluations(at: $1) }
    }

    /// The settings in a few words.
    public var description: String {
        let isGuided = guidance.contains { $0 != 1 }
        let interval = rule == .told ? "" : " in \(times.commaList)"
        let scales = isGuided ? "guidance \(guidance.commaList)\(interval)" : "no guidance"
        return [
            length.map { "length \($0)" } ?? "EMA", scales, sampler.name, "\(steps) steps",
            shift == 1 ? "" : "shift \(shift)",
        ].filter { !$0.isEmpty }.joined(separator: ", ")
    }
}

/// One value of one setting.
public enum TuningOption: Sendable, Equatable {
    /// An average of the weights; nil for the run's EMA.
    case length(Double?)
    /// A single scale of classifier-free guidance.
    case guidance(Float)
    /// The times between which guidance acts.
    case interval(Float, Float)
    case sampler(Sampler)
    case steps(Int)
    case shift(Float)

    /// The candidate with this value.
    func applied(to candidate: TuningCandidate) -> TuningCandidate {
        var changed = candidate
        switch self {
        case .length(let length): changed.length = length
        case .guidance(let scale):
            // A list of scales in several intervals becomes one.
            changed.guidance = [scale]
            changed.times = [candidate.times[0], candidate.times[candidate.times.count - 1]]
        case .interval(let low, let high):
            changed.guidance = [candidate.guidance.max() ?? 1]
            changed.times = [low, high]
        case .sampler(let sampler): changed.sampler = sampler
        case .steps(let steps): changed.steps = steps
        case .shift(let shift): changed.shift = shift
        }
        return changed
    }
}
