import PixNerdSupport

/// The images whose loss is measured again and again, each with its noise and time: held-out ones, and as many that are
/// trained on, at the same times with the same noise.
struct HoldoutPlan {
    /// The held-out images, as indices into their collection.
    let heldOut: [Int]
    /// An image that is trained on for each of them, of the same class where there is one, as indices into the images of
    /// `data.root`.
    let seen: [Int]
    /// The time of each measurement, ascending; empty for a model without times.
    let times: [Float]
    /// The weight of each measurement in the mean, which add up to 1.
    let weights: [Double]
    /// What of these numbers a run must keep so that its losses can be compared.
    let fingerprint: String

    /// Number of draws that stand for the distribution of times in training.
    static let draws = 1 << 14

    /// - Parameters:
    ///   - names: the names of the images, held-out ones first.
    ///   - weight: the name of what weighs the loss by time.
    ///   - count: the number of measurements. Images that are fewer are measured several times.
    ///   - drawn: times as training draws them; nil for a model without times.
    init(
        heldOut: [Int], seen: [Int], names: [String], weighing weight: String, count: Int, drawn: [Float]?
    ) {
        precondition(!heldOut.isEmpty && heldOut.count == seen.count, "HoldoutPlan: \(heldOut.count), \(seen.count)")
        (self.heldOut, self.seen) = (heldOut, seen)
        if let drawn {
            (times, weights) = Self.strata(drawn, count: count)
        } else {
            (times, weights) = ([], [Double](repeating: 1 / Double(count), count: count))
        }
        var fingerprint = Fingerprint()
        for name in names { fingerprint.add(name) }
        fingerprint.add("\(weight) \(count) \(times)")
        self.fingerprint = fingerprint.text
    }

    /// Number of measurements of the held-out images.
    var count: Int { weights.count }

    /// The image of a measurement, as an index into `heldOut` and `seen`.
    ///
    /// Each goes through the times in its turn, so that none has only early or late ones.
    func image(of measurement: Int) -> Int { measurement % heldOut.count }

    /// As many times from each bin of the loss by time, each with the weight that the bin has in training. In a bin they
    /// are evenly spread over what training draws.
    private static func strata(_ drawn: [Float], count: Int) -> (times: [Float], weights: [Double]) {
        var bins = [[Float]](repeating: [], count: LossByTime.bins)
        for time in drawn.sorted() { bins[LossByTime.bin(of: time)].append(time) }
        let drawnBins = bins.filter { !$0.isEmpty }
        var (times, weights): ([Float], [Double]) = ([], [])
        for (place, bin) in drawnBins.enumerated() {
            let number = count * (place + 1) / drawnBins.count - count * place / drawnBins.count
            for index in 0..<number {
                times.append(bin[(2 * index + 1) * bin.count / (2 * number)])
                weights.append(Double(bin.count) / Double(number))
            }
        }
        // Of fewer measurements than bins, some bins have none.
        let total = weights.reduce(0, +)
        return (times, weights.map { $0 / total })
    }
}
