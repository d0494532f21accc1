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
    /// Number of first steps that leave the noise as it is, without an evaluation; less than `steps` (Fan et al., arXiv
    /// 2503.18886, zero-init).
    public var zeroSteps: Int
    /// Number of first steps that are left out because sampling begins with known data, up to `steps`.
    public var skippedSteps = 0
    /// Where the steps lie. Shift and last step are of `flow` alone.
    public var grid: TimeGrid

    public init(
        sampler: Sampler = .euler, steps: Int = 100, guidance: Guidance = Guidance(), shift: Float = 1,
        lastStep: Float? = nil, zeroSteps: Int = 0, grid: TimeGrid = .flow
    ) {
        self.sampler = sampler
        self.steps = steps
        self.guidance = guidance
        self.shift = shift
        self.lastStep = lastStep
        self.zeroSteps = zeroSteps
        self.grid = grid
    }

    /// The times of the steps. On the grid `flow` they go from 0 to 1: linspace(0, 1 - last step, steps) and 1, after the
    /// shift. Those of a diffusion process begin at its first step, and need not end at 1.
    public var times: [Float] {
        precondition(steps > 0, "SamplingSettings: \(steps) steps")
        if case .diffusion(let form, let firstStep) = grid {
            return DiffusionSchedule().flowTimes(form, steps: steps, firstStep: firstStep)
        }
        let last = 1 - (lastStep ?? 1 / Float(steps))
        // Computed like torch.linspace: the first half from the start, the second from the end.
        let spacing = steps > 1 ? last / Float(steps - 1) : 0
        let times = (0..<steps).map {
            $0 < steps / 2 ? spacing * Float($0) : last - spacing * Float(steps - 1 - $0)
        }
        // A single step begins at noise.
        return ((steps == 1 ? [0] : times) + [1]).map { shiftedTime($0, by: shift) }
    }

    /// These settings for a model of few steps: guidance by a scale that it is told, and steps of a length that it is
    /// told. They stay as they are for a model that is told neither.
    ///
    /// A model that is told lengths but no scale is not guided.
    ///
    /// - Parameter numbers: what the model is told.
    public func told(_ numbers: [ModelNumber]) -> SamplingSettings {
        var settings = self
        if numbers.contains(.strength) {
            settings.guidance = Guidance(scales: [guidance.scales[0]], times: [0, 1], rule: .told)
        } else if numbers.contains(.interval) {
            settings.guidance = Guidance(scales: [1], times: [0, 1])
        }
        if numbers.contains(.interval) { settings.sampler = .jumps }
        return settings
    }

    /// Number of steps that are taken.
    public var takenSteps: Int { steps - skippedSteps }

    /// The times at which the guided velocity is evaluated.
    public var evaluationTimes: [Float] {
        let starts = times.dropLast().dropFirst(zeroSteps + skippedSteps)
        // Heun's two evaluations are at the start and the end of a step; the last step has only that at its start.
        return Array(sampler == .heunExact ? starts + starts.dropFirst() : starts)
    }
}
