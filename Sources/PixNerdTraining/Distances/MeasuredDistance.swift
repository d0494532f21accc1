import PixNerdEvaluation

/// A measure of samples against real images, after a step of training.
public struct MeasuredDistance: Codable, Sendable, Equatable {
    /// Fixed name, such as `swd`.
    public let name: String
    /// Name to display, such as `Sliced Wasserstein, mean`.
    public let title: String
    public let value: Double
    /// Lower end of the 95 % interval over other draws of as many samples; nil without one.
    public let low: Double?
    /// Upper end of that interval; nil without one.
    public let high: Double?
    /// Baseline: the value between two halves of the real images, or that of the real images alone; nil without one.
    public let floor: Double?

    /// - Returns: nil if the value is not finite.
    init?(_ measure: EvaluationReport.Measure) {
        guard measure.value.isFinite else { return nil }
        (name, title, value) = (measure.name, measure.title, measure.value)
        let interval = measure.interval.flatMap { $0.count == 2 && $0.allSatisfy(\.isFinite) ? $0 : nil }
        (low, high) = (interval?[0], interval?[1])
        floor = measure.floor.flatMap { $0.isFinite ? $0 : nil }
    }
}
