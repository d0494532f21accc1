import Foundation

/// An estimate of the remaining time of a run from its first steps, made once.
struct TimeForecast {
    private let first: Int
    private let total: Int
    private var measured: (step: Int, time: Date)?
    private var isSaid = false

    /// Number of first steps that are not measured, because they allocate memory.
    private static let warmUp = 3
    /// Minimum duration of the measurement in seconds.
    private static let leastSeconds = 3.0
    /// Shortest remaining time in seconds that is worth a message.
    private static let worthSaying = 20.0

    /// - Parameters:
    ///   - first: number of steps done before.
    ///   - total: number of steps of the whole run.
    init(first: Int, total: Int) { (self.first, self.total) = (first, total) }

    /// Seconds that the remaining steps take: returned once, as soon as they are known, if they are worth a message.
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
