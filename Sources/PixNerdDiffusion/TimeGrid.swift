import Foundation

/// Where the steps of a sampler lie.
public enum TimeGrid: Sendable, Equatable, Codable {
    /// Even times of the flow, shifted.
    case flow
    /// The steps of a diffusion process from one of its steps 0 ... 999 on, for models of diffusion.
    case diffusion(DiffusionGrid, firstStep: Int)
}

/// The steps of a diffusion process that published samplers take.
public enum DiffusionGrid: String, Sendable, CaseIterable, Codable {
    /// Evenly spaced whole steps, and from the last of them to the clean image (diffusers).
    case diffusers
    /// Evenly spaced steps, whole or not, down to step 0, whose noise stays (the scripts of PixArt-alpha; the last step
    /// of 10 or more is of second order).
    case alpha
    /// The steps of `alpha` with a last step of first order (the scripts of PixArt-Sigma).
    case sigma

    /// Whether the order of the last step is lowered.
    func lowersLastStep(of steps: Int) -> Bool { self != .alpha || steps < 10 }
}

extension DiffusionSchedule {
    /// The times of the flow that have the signal-to-noise ratios of a grid, ascending.
    ///
    /// - Parameters:
    ///   - steps: Number of steps, one less than there are times.
    ///   - firstStep: The step that pure noise stands for; 999 but for students of one step.
    func flowTimes(_ grid: DiffusionGrid, steps: Int, firstStep: Int) -> [Float] {
        let (first, count) = (Double(firstStep), Double(steps))
        switch grid {
        case .diffusers:
            let places = (0..<steps).map { (first * (count - Double($0)) / count).rounded(.toNearestOrEven) }
            return places.map { Float(flowTime(step: $0)) } + [1]
        case .alpha, .sigma:
            // Times from 1 to 1/1000 are steps from 999 to 0.
            return (0...steps).map { Float(flowTime(step: first * (count - Double($0)) / count)) }
        }
    }
}

extension SamplingSettings {
    /// Whether the last step of a multistep sampler is of first order.
    var lowersLastStep: Bool {
        if case .diffusion(let form, _) = grid { form.lowersLastStep(of: steps) } else { true }
    }

    /// The point of the flow that stands for noise or data of a diffusion process, divided by it: at signal-to-noise
    /// ratio t / (1 - t) the process has (t x + (1 - t) e) / hypot(t, 1 - t). 1 at both ends of the flow.
    static func flowScale(at time: Float) -> Float { hypotf(time, 1 - time) }
}
