/// The time that a tuning has, and what measurements are likely to take of it.
struct TuningBudget {
    private let seconds: Double
    private let start = ContinuousClock.now
    /// Seconds and work of the measurements so far, work being images times evaluations of the model.
    private var (measured, work) = (0.0, 0.0)

    /// Largest share of the time that is kept for the final comparison.
    private static let largestReserve = 0.4
    /// Factor by which a measurement may take longer than those before.
    private static let caution = 1.15

    init(seconds: Double) { self.seconds = seconds }

    /// Seconds since the beginning.
    var spent: Double { (ContinuousClock.now - start) / .seconds(1) }

    /// Counts a measurement.
    mutating func add(_ candidate: TuningCandidate, images: Int, took seconds: Double) {
        measured += seconds
        work += Double(images * candidate.evaluations)
    }

    /// Seconds that a measurement is likely to take; 0 if nothing is known yet.
    private func expected(_ candidate: TuningCandidate, images: Int) -> Double {
        work > 0 ? Self.caution * measured / work * Double(images * candidate.evaluations) : 0
    }

    /// Whether there is time for a measurement and, after it, for a final comparison.
    ///
    /// - Parameter final: settings and largest number of images of the final comparison.
    func allows(
        _ candidate: TuningCandidate, images: Int, reserving final: (settings: TuningCandidate, images: Int)
    ) -> Bool {
        let reserve = min(2 * expected(final.settings, images: final.images), Self.largestReserve * seconds)
        return spent + expected(candidate, images: images) + reserve <= seconds
    }

    /// The number of images that the final comparison has time for: `most`, or as many halvings fewer as are needed;
    /// nil if there is no time for a comparison that tells anything.
    func finalImages(_ a: TuningCandidate, _ b: TuningCandidate, most: Int) -> Int? {
        var count = most
        while count >= min(most, 32) {
            if spent + expected(a, images: count) + expected(b, images: count) <= seconds { return count }
            count /= 2
        }
        return nil
    }
}
