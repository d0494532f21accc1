import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// The features of one side, with their statistics, stored or computed.
struct SideFeatures {
    let pool: Tensor?
    let spatial: Tensor?
    let logits: Tensor?
    let halves: (first: [Int], second: [Int])?
    let stored: StoredStatistics?

    init(_ source: EvaluationSource, _ side: SideMeasurement?) {
        func joined(_ parts: [Tensor]?) -> Tensor? { parts.flatMap { $0.isEmpty ? nil : Tensor.concatenated($0) } }
        let (pool, spatial) = (joined(side?.pool), joined(side?.spatial))
        stored =
            source.statistics
            ?? pool.map {
                StoredStatistics(
                    pool: GaussianStatistics(of: $0), spatial: spatial.map { GaussianStatistics(of: $0) },
                    count: $0.shape[0])
            }
        (self.pool, self.spatial) = (pool, spatial)
        logits = joined(side?.logits)
        halves = side?.halves
    }
}

/// Compares two sides by a network's features.
struct FeatureComparison {
    let real: SideFeatures
    let generated: SideFeatures
    let isSortedByName: Bool
    let titles: (frechet: String, kernel: String)
    let settings: Evaluation.Settings

    /// k of the nearest neighbours of precision and recall, which need more images than this.
    static let neighbor = 3
    /// Number of images below which precision and recall depend mostly on chance.
    private static let manyImages = 100

    /// Every measure that the features allow, in the order in which the report shows them.
    func measures(_ progress: (String) -> Void) throws -> [EvaluationReport.Measure] {
        var measures: [EvaluationReport.Measure] = []
        let resamples = generated.pool.map {
            Bootstrap(resamples: settings.resamples, of: $0.shape[0], seed: settings.seed).counts
        }
        if let (a, b) = both(real.stored, generated.stored) {
            progress(titles.frechet)
            measures.append(
                try frechet(
                    "fid", titles.frechet, a.pool, b.pool, real: real.pool, generated: generated.pool, resamples ?? []))
            if let (c, d) = both(a.spatial, b.spatial), c.dimensions == d.dimensions {
                progress("sFID")
                measures.append(
                    try frechet(
                        "sfid", "sFID", c, d, real: real.spatial, generated: generated.spatial, resamples ?? []))
            }
        }
        if let (a, b) = both(real.pool, generated.pool) {
            progress(titles.kernel)
            measures.append(kernel(a, b))
            progress("precision and recall")
            measures += manifolds(a, b, resamples ?? [])
        }
        if let logits = generated.logits {
            progress("Inception Score")
            measures.append(score(logits, resamples ?? []))
        }
        return measures
    }

    private func frechet(
        _ name: String, _ title: String, _ a: GaussianStatistics, _ b: GaussianStatistics, real: Tensor?,
        generated: Tensor?, _ resamples: [[Int]]
    ) throws -> EvaluationReport.Measure {
        let distance = try FrechetDistance(to: a)
        let value = try distance(b)
        let resampled = try generated.map { features in
            try resamples.map { try distance(GaussianStatistics(of: features, counts: $0)) }
        }
        var floor: Double?
        if let (features, halves) = both(real, self.real.halves), min(halves.first.count, halves.second.count) > 1 {
            let sides = [halves.first, halves.second].map { GaussianStatistics(of: features.selecting($0)) }
            floor = try FrechetDistance(to: sides[0])(sides[1])
        }
        let counts = [real?.shape[0] ?? self.real.stored?.count, generated?.shape[0] ?? self.generated.stored?.count]
        let note = counts.compactMap { $0 }.filter { (1...a.dimensions).contains($0) }.min().map {
            "\($0) images are too few for \(a.dimensions) features"
        }
        return measure(
            name, title, value, interval: Bootstrap.interval(around: value, resampled ?? []), floor: floor, note: note,
            resampled: resampled ?? [])
    }

    private func kernel(_ a: Tensor, _ b: Tensor) -> EvaluationReport.Measure {
        let most = min(a.shape[0], b.shape[0])
        let size = min(settings.subsetSize, most)
        func distance(_ a: Tensor, _ b: Tensor, _ size: Int) -> KernelDistance {
            // A subset that holds all images is always the same, so one suffices.
            let subsets = size == a.shape[0] && size == b.shape[0] ? 1 : settings.subsets
            return KernelDistance(real: a, generated: b, subsets: subsets, subsetSize: size, seed: settings.seed)
        }
        let found = distance(a, b, size)
        // Subsets drawn without replacement are smaller, independent samples, from which subsampling derives an
        // interval (Politis and Romano, 1994): the variance falls as images are added.
        let interval =
            most >= 2 * size && settings.resamples > 0
            ? Bootstrap.interval(
                around: found.mean,
                deviation: found.standardDeviation * (Double(size) / Double(most - size)).squareRoot()) : nil
        let floor = real.halves.flatMap { halves -> Double? in
            // Unreadable images may have left a half empty.
            guard min(halves.first.count, halves.second.count) > 1 else { return nil }
            let (first, second) = (a.selecting(halves.first), a.selecting(halves.second))
            return distance(first, second, min(size, first.shape[0], second.shape[0])).mean
        }
        return measure(
            "kid", titles.kernel, found.mean, deviation: size < most ? found.standardDeviation : nil,
            interval: interval,
            floor: floor,
            note: "subsets of \(size)")
    }

    private func manifolds(_ a: Tensor, _ b: Tensor, _ resamples: [[Int]]) -> [EvaluationReport.Measure] {
        let neighbor = Self.neighbor
        let (a, b) = (limited(a), limited(b))
        guard min(a.shape[0], b.shape[0]) > neighbor else { return [] }
        let found = PrecisionRecall(real: a, generated: b, neighbor: neighbor)
        let floor = real.halves.flatMap { halves -> PrecisionRecall? in
            guard let pool = real.pool, min(halves.first.count, halves.second.count) > neighbor else { return nil }
            return PrecisionRecall(
                real: limited(pool.selecting(halves.first)), generated: limited(pool.selecting(halves.second)),
                neighbor: neighbor)
        }
        func interval(_ flags: [Bool], _ value: Double) -> ClosedRange<Double>? {
            guard !resamples.isEmpty else { return nil }
            // The bootstrap standard deviation of a proportion has a closed form.
            let deviation = (value * (1 - value) / Double(flags.count)).squareRoot()
            return max(0, value - 1.96 * deviation)...min(1, value + 1.96 * deviation)
        }
        let few = min(a.shape[0], b.shape[0]) < Self.manyImages ? ", too few to mean much" : ""
        let note = "\(a.shape[0]) and \(b.shape[0]) images\(few), k = \(neighbor)"
        return [
            measure(
                "precision", "Precision", found.precision, interval: interval(found.isPlausible, found.precision),
                floor: floor?.precision, note: note),
            measure(
                "recall", "Recall", found.recall, interval: interval(found.isCovered, found.recall),
                floor: floor?.recall, note: note),
        ]
    }

    /// A random subset of the rows, no larger than precision and recall may use.
    private func limited(_ features: Tensor) -> Tensor {
        guard features.shape[0] > settings.manifoldSize else { return features }
        var stream = RandomStream(seed: settings.seed, purpose: .evaluation, step: 6)
        return features.selecting(stream.sample(settings.manifoldSize, of: features.shape[0]).sorted())
    }

    private func score(_ logits: Tensor, _ resamples: [[Int]]) -> EvaluationReport.Measure {
        // File names are sorted by class; the rows of an array were already shuffled by whoever wrote it.
        var stream = RandomStream(seed: settings.seed, purpose: .evaluation, step: 7)
        let order = isSortedByName ? stream.permutation(of: logits.shape[0]) : Array(0..<logits.shape[0])
        let found = InceptionScore(logits: logits, order: order)
        let resampled = resamples.map { counts in
            InceptionScore(logits: logits, order: order.flatMap { Array(repeating: $0, count: counts[$0]) }).mean
        }
        let splits = "\(found.scores.count) split\(found.scores.count == 1 ? "" : "s") of at most 5000"
        return measure(
            "inception_score", "Inception Score", found.mean, deviation: found.standardDeviation,
            interval: Bootstrap.interval(around: found.mean, resampled),
            note: isSortedByName ? "\(splits), shuffled by the seed" : "\(splits), in file order")
    }
}

func measure(
    _ name: String, _ title: String, _ value: Double, deviation: Double? = nil,
    interval: ClosedRange<Double>? = nil, floor: Double? = nil, note: String? = nil, resampled: [Double] = []
) -> EvaluationReport.Measure {
    EvaluationReport.Measure(
        name: name, title: title, value: value, deviation: deviation,
        interval: interval.map { [$0.lowerBound, $0.upperBound] }, floor: floor, note: note, resampled: resampled)
}
