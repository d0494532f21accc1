/// Decides which samples are copies of training images, by one distance.
struct MemorisationMeasure {
    /// The name of the share by pixels.
    static let pixels = "memorised_pixels"
    /// The name of the share by features.
    static let features = "memorised_features"

    let name: String
    let title: String
    /// The nearest training images of the samples, followed by those of the held-out images.
    let found: NearestTwo
    let samples: Int

    /// Whether an image is memorised: its distance to the nearest training image is below a third of that to the second
    /// nearest (Yoon et al., "Diffusion probabilistic models generalize when they fail to memorize", 2023; Gu et al.,
    /// arXiv 2310.02664), or 0.
    func isMemorised(_ image: Int) -> Bool {
        let (near, far) = pair(image)
        return near.squared == 0 || 9 * near.squared < far.squared
    }

    /// The nearest and the second nearest training image.
    ///
    /// - Precondition: at least two were compared.
    func pair(_ image: Int) -> (nearest: Neighbor, second: Neighbor) {
        guard let nearest = found.nearest[image], let second = found.second[image] else {
            preconditionFailure("MemorisationMeasure: fewer than two training images")
        }
        return (nearest, second)
    }

    func ratio(_ image: Int) -> Double {
        let (near, far) = pair(image)
        return near.squared == 0 ? 0 : (near.squared / far.squared).squareRoot()
    }

    /// The samples with the smallest ratios, most suspicious first.
    func suspicious(_ count: Int) -> [Int] {
        let ratios = (0..<samples).map(ratio)
        return Array((0..<samples).sorted { (ratios[$0], $0) < (ratios[$1], $1) }.prefix(count))
    }

    private var heldOut: Range<Int> { samples..<found.nearest.count }

    /// - Parameters:
    ///   - bootstrap: resamples of the samples; nil for no interval.
    ///   - suspicious: number of samples to name.
    ///   - match: names a sample and its neighbours.
    func report(
        _ bootstrap: Bootstrap?, suspicious: Int,
        match: (_ sample: Int, _ measure: MemorisationMeasure)
            -> MemorisationReport.Match
    ) -> MemorisationReport.Measure {
        let flags = (0..<samples).map(isMemorised)
        let count = flags.count { $0 }
        let value = Double(count) / Double(samples)
        let resampled = (bootstrap?.counts ?? []).map { counts in
            Double(zip(counts, flags).reduce(0) { $0 + ($1.1 ? $1.0 : 0) }) / Double(samples)
        }
        let interval = Bootstrap.interval(around: value, resampled).map {
            [max(0, $0.lowerBound), min(1, $0.upperBound)]
        }
        return MemorisationReport.Measure(
            name: name, title: title, value: value, count: count, interval: interval,
            heldOut: heldOut.isEmpty ? nil : Double(heldOut.count(where: isMemorised)) / Double(heldOut.count),
            medianRatio: Self.median((0..<samples).map(ratio)),
            heldOutMedianRatio: heldOut.isEmpty ? nil : Self.median(heldOut.map(ratio)),
            suspicious: self.suspicious(suspicious).map { match($0, self) })
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
