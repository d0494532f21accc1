/// Mean loss in each tenth of the interval of times, which shows where the model learns and where it does not.
struct LossByTime {
    private static let bins = 10
    private var sums = [Double](repeating: 0, count: bins)
    private var counts = [Int](repeating: 0, count: bins)

    mutating func add(times: [Float], losses: [Float]) {
        for (time, loss) in zip(times, losses) where time.isFinite {
            let bin = min(Self.bins - 1, max(0, Int(time * Float(Self.bins))))
            sums[bin] += Double(loss)
            counts[bin] += 1
        }
    }

    /// Means from noise to data; nil for a bin without samples.
    var means: [Double?] { zip(sums, counts).map { $1 > 0 ? $0 / Double($1) : nil } }
}
