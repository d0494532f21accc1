/// The search for the best of many settings: one setting after the other, with few images for all of its values and
/// more images for the better half of them (successive halving: Jamieson and Talwalkar, arXiv 1502.07943).
struct TuningSearch {
    /// The best settings so far.
    private(set) var best: TuningCandidate
    /// The values of each setting that are still tried. The value that `best` has is tried in any case.
    private var axes: [[TuningOption]]
    /// Numbers of images of the rounds.
    let rounds: [Int]

    /// Number of values of a setting that are always kept.
    private static let fewest = 2

    /// - Parameters:
    ///   - start: the settings that the search begins with.
    ///   - axes: values to try of each setting, in the order in which settings are chosen.
    ///   - images: number of images in the last round.
    init(from start: TuningCandidate, axes: [[TuningOption]], images: Int) {
        (best, self.axes) = (start, axes)
        // In the first round an eighth of the images, but at least as many as tell anything.
        rounds = [8, 4, 2, 1].map { max(images / $0, min(images, 32)) }.reduce(into: []) { rounds, count in
            if rounds.last != count { rounds.append(count) }
        }
    }

    /// Runs the search.
    ///
    /// - Parameter measure: returns the distance of images made with some settings, given their number, or nil if there
    ///   is no time left, which ends the search.
    mutating func run(_ measure: (_ candidate: TuningCandidate, _ images: Int) throws -> Double?) rethrows {
        for count in rounds {
            guard var least = try measure(best, count) else { return }
            for axis in axes.indices {
                var found: [(option: TuningOption, value: Double)] = []
                for option in axes[axis] {
                    let candidate = option.applied(to: best)
                    guard let value = try candidate == best ? least : measure(candidate, count) else { break }
                    found.append((option, value))
                }
                let isComplete = found.count == axes[axis].count
                found.sort { $0.value < $1.value }
                axes[axis] = found.prefix(max(Self.fewest, (found.count + 1) / 2)).map(\.option)
                if let first = found.first, first.value < least {
                    best = first.option.applied(to: best)
                    least = first.value
                }
                guard isComplete else { return }
            }
        }
    }
}
