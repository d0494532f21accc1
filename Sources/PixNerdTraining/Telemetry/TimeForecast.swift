import Foundation

/// How long a run will take, judged by its first steps and said once.
struct TimeForecast {
    private let first: Int
    private let total: Int
    private var measured: (step: Int, time: Date)?
    private var isSaid = false

    /// Steps that are left out of the measurement, since memory is first asked for in them.
    private static let warmUp = 3
    /// Seconds that are measured, at least.
    private static let leastSeconds = 3.0
    /// Runs that are over sooner need no forecast.
    private static let worthSaying = 20.0

    /// - Parameters:
    ///   - first: steps that were done before.
    ///   - total: steps of the whole run.
    init(first: Int, total: Int) { (self.first, self.total) = (first, total) }

    /// The seconds that the rest takes, once, as soon as that can be told and is worth saying.
    mutating func secondsLeft(afterStep step: Int, at now: Date = Date()) -> Double? {
        guard !isSaid, step >= first + Self.warmUp else { return nil }
        guard let measured else {
            measured = (step, now)
            return nil
        }
        let seconds = now.timeIntervalSince(measured.time)
        guard seconds >= Self.leastSeconds else { return nil }
        isSaid = true
        let left = seconds / Double(step - measured.step) * Double(total - step)
        return left >= Self.worthSaying ? left : nil
    }
}
