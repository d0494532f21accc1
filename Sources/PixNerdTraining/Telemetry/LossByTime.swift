/// Mean loss in each tenth of the interval of times, which shows where the model learns and where it does not.
struct LossByTime {
    /// Number of bins.
    static let bins = 10
    private var sums = [Double](repeating: 0, count: bins)
    private var counts = [Int](repeating: 0, count: bins)

    /// The bin of a finite time.
    static func bin(of time: Float) -> Int { min(bins - 1, max(0, Int(time * Float(bins)))) }

    mutating func add(times: [Float], losses: [Float]) {
        for (time, loss) in zip(times, losses) where time.isFinite {
            let bin = Self.bin(of: time)
            sums[bin] += Double(loss)
            counts[bin] += 1
        }
    }

    /// Means from noise to data; nil for a bin without samples.
    var means: [Double?] { zip(sums, counts).map { $1 > 0 ? $0 / Double($1) : nil } }
}
