import PixNerdTensors

/// Bootstrap resamples of images, which show how much a measure depends on the choice of images (Efron and Tibshirani,
/// "An introduction to the bootstrap", 1993).
package struct Bootstrap: Sendable {
    /// How often each image counts, for each resample.
    let counts: [[Int]]

    init(resamples: Int, of count: Int, seed: UInt64) {
        counts = (0..<resamples).map { resample in
            var stream = RandomStream(seed: seed, purpose: .evaluation, step: 4, index: resample)
            var counts = [Int](repeating: 0, count: count)
            for _ in 0..<count { counts[stream.nextInteger(below: count)] += 1 }
            return counts
        }
    }

    /// 95 % interval around a value, from the standard deviation of its resampled values.
    ///
    /// Percentiles would be biased: resamples repeat images, which increases distances, away from the value itself.
    static func interval(around value: Double, _ resampled: [Double]) -> ClosedRange<Double>? {
        deviation(resampled).flatMap { interval(around: value, deviation: $0) }
    }

    /// Standard deviation of resampled values; nil for fewer than two.
    package static func deviation(_ resampled: [Double]) -> Double? {
        guard resampled.count > 1 else { return nil }
        let mean = resampled.reduce(0, +) / Double(resampled.count)
        let squares = resampled.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (squares / Double(resampled.count - 1)).squareRoot()
    }

    /// 95 % interval of a normal distribution with a given standard deviation.
    static func interval(around value: Double, deviation: Double) -> ClosedRange<Double>? {
        guard value.isFinite, deviation.isFinite else { return nil }
        return value - 1.96 * deviation...value + 1.96 * deviation
    }
}
