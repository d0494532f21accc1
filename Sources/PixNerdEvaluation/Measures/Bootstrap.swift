import PixNerdTensors

/// Bootstrap resamples of pictures, by which it is told how much a measure depends on which pictures there happen to be
/// (Efron and Tibshirani, "An introduction to the bootstrap", 1993).
struct Bootstrap: Sendable {
    /// How often each picture counts in each resample.
    let counts: [[Int]]

    init(resamples: Int, of count: Int, seed: UInt64) {
        counts = (0..<resamples).map { resample in
            var stream = RandomStream(seed: seed, purpose: .evaluation, step: 4, index: resample)
            var counts = [Int](repeating: 0, count: count)
            for _ in 0..<count { counts[stream.nextInteger(below: count)] += 1 }
            return counts
        }
    }

    /// The interval that holds 95 % of values around one, by the standard deviation of the resampled ones.
    ///
    /// Their percentiles would not do: resampled pictures repeat, which moves distances upwards, off the value itself.
    static func interval(around value: Double, _ resampled: [Double]) -> ClosedRange<Double>? {
        guard resampled.count > 1 else { return nil }
        let mean = resampled.reduce(0, +) / Double(resampled.count)
        let squares = resampled.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return interval(around: value, deviation: (squares / Double(resampled.count - 1)).squareRoot())
    }

    static func interval(around value: Double, deviation: Double) -> ClosedRange<Double>? {
        guard value.isFinite, deviation.isFinite else { return nil }
        return value - 1.96 * deviation...value + 1.96 * deviation
    }
}
