import PixNerdSupport
import PixNerdTensors

/// Compares the pixels of two sides: texture, frequencies and seams, but not content.
struct PixelComparison {
    let real: SideMeasurement
    let generated: SideMeasurement
    let settings: Evaluation.Settings

    func measures(_ progress: (String) -> Void) -> [EvaluationReport.Measure] {
        let resamples = Bootstrap(resamples: settings.resamples, of: generated.count, seed: settings.seed).counts
        var measures: [EvaluationReport.Measure] = []
        if !real.patches.isEmpty {
            progress("sliced Wasserstein distance")
            measures += slicedWasserstein(resamples)
        }
        if let (a, b) = both(real.spectrum, generated.spectrum) {
            progress("power spectrum")
            measures.append(spectra(a, b, resamples))
        }
        if let (a, b) = both(real.seam, generated.seam) {
            progress("seams")
            measures += seams(a, b, resamples)
        }
        return measures
    }

    private func slicedWasserstein(_ resamples: [[Int]]) -> [EvaluationReport.Measure] {
        let all = real.patches.count == 2 ? real.patches[0].joined(with: real.patches[1]) : real.patches[0]
        let distances = SlicedWasserstein.distances(
            real: all, generated: generated.patches[0], seed: settings.seed, resamples: resamples)
        let floors =
            real.patches.count == 2 && real.patches.allSatisfy { $0.pictures > 0 }
            ? SlicedWasserstein.distances(real: real.patches[0], generated: real.patches[1], seed: settings.seed) : nil
        let note =
            "times 1000, \(all.patchesPerPicture) and \(generated.patches[0].patchesPerPicture) patches per image"
            + remark
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        let resampledMeans = resamples.indices.map { index in mean(distances.map { $0.resampled[index] }) }
        let average = mean(distances.map(\.value))
        let levels = distances.enumerated().map { level, distance in
            measure(
                "swd_\(distance.height)x\(distance.width)",
                "Sliced Wasserstein, \(distance.height) x \(distance.width)", distance.value,
                interval: Bootstrap.interval(around: distance.value, distance.resampled),
                floor: floors?[level].value, note: note)
        }
        return levels + [
            measure(
                "swd", "Sliced Wasserstein, mean", average,
                interval: Bootstrap.interval(around: average, resampledMeans),
                floor: floors.map { mean($0.map(\.value)) }, note: note, resampled: resampledMeans)
        ]
    }

    private func spectra(
        _ a: PowerSpectrum, _ b: PowerSpectrum, _ resamples: [[Int]]
    ) -> EvaluationReport.Measure {
        let reference = a.mean()
        let value = PowerSpectrum.distance(reference, b.mean())
        let resampled = resamples.map { PowerSpectrum.distance(reference, b.mean(counts: $0)) }
        let floor = halves.map { PowerSpectrum.distance(a.mean(counts: $0.0), a.mean(counts: $0.1)) }
        return measure(
            "spectrum", "Power spectrum", value, interval: Bootstrap.interval(around: value, resampled), floor: floor,
            note: "dB, \(a.frequencies) frequencies" + remark, resampled: resampled)
    }

    /// What measures of texture miss, as the end of a note.
    private var remark: String {
        guard let (a, b) = both(real.levels, generated.levels) else { return "" }
        return LevelSummary.remark(real: a, generated: b).map { "; \($0)" } ?? ""
    }

    /// Seams of the generated images; the baseline is the value for the real images, which have none.
    private func seams(_ a: PatchSeam, _ b: PatchSeam, _ resamples: [[Int]]) -> [EvaluationReport.Measure] {
        (settings.patch.map { [$0] } ?? [4, 8, 16, 32])
            .filter { PatchSeam.isMeasurable(patch: $0, height: b.height, width: b.width) }
            .map { patch in
                let value = b.index(patch: patch)
                let resampled = resamples.map { b.index(patch: patch, counts: $0) }
                return measure(
                    "seam_\(patch)", "Seams every \(patch) pixels", value,
                    interval: Bootstrap.interval(around: value, resampled), floor: a.index(patch: patch),
                    note: "1 without seams; baseline of the real images")
            }
    }

    /// How often each real image counts, for each half.
    private var halves: ([Int], [Int])? {
        guard let halves = real.halves, !halves.first.isEmpty, !halves.second.isEmpty else { return nil }
        func counts(_ rows: [Int]) -> [Int] {
            var counts = [Int](repeating: 0, count: real.count)
            for row in rows { counts[row] = 1 }
            return counts
        }
        return (counts(halves.first), counts(halves.second))
    }
}
