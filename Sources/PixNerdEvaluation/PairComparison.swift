import Foundation
import PixNerdSupport

/// Compares images pair by pair, such as originals with their reconstructions.
struct PairComparison {
    private let first: PictureSource
    private let second: PictureSource
    private let size: PictureExtent
    private let batch: Int

    /// - Throws: `PixNerdError` unless both sides hold the same number of images.
    init(real: EvaluationSource, generated: EvaluationSource, size: PictureExtent?, batch: Int) throws {
        guard let (first, second) = both(real.pictures, generated.pictures), let size else {
            throw PixNerdError(
                .mismatch, "\(real.path) or \(generated.path)", found: "holds no images", expected: "pairs of images")
        }
        guard first.count == second.count else {
            throw PixNerdError(
                .mismatch, "\(first.path)", found: "holds \(first.count) images and \(second.path) \(second.count)",
                expected: "pairs, with as many images on both sides in the same order")
        }
        (self.first, self.second, self.size, self.batch) = (first, second, size, batch)
    }

    /// Means over the pairs. The whole first side is held in memory.
    func measures() throws -> [EvaluationReport.Measure] {
        var originals: [PixelBatch] = []
        try read(first) { originals.append($0) }
        var rest = originals[...]
        var (noise, similarity): ([Double], [Double]) = ([], [])
        let isLarge = min(size.height, size.width) >= PairMeasures.smallestSide
        try read(second) { batch in
            guard let original = rest.popFirst() else { return }
            noise += PairMeasures.peakSignalToNoise(original, batch)
            if isLarge { similarity += PairMeasures.structuralSimilarity(original, batch) }
        }
        let ratio = Self.mean("psnr", "PSNR", noise, note: "dB, mean of \(noise.count) pairs")
        guard isLarge else { return [ratio] }
        return [ratio, Self.mean("ssim", "SSIM", similarity, note: "mean of \(similarity.count) pairs")]
    }

    private func read(_ source: PictureSource, _ body: (PixelBatch) -> Void) throws {
        var problem: PixNerdError?
        func note(_ error: PixNerdError) { problem = problem ?? error }
        try source.forEachBatch(size: size, crops: true, batch: batch, unreadable: note, body)
        // Skipping an image would shift all pairs after it.
        if let problem { throw problem }
    }

    /// Mean of one value per image, with its standard deviation and 95 % interval.
    static func mean(
        _ name: String, _ title: String, _ values: [Double], note: String
    ) -> EvaluationReport.Measure {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let deviation = count > 1 ? (squares / (count - 1)).squareRoot() : 0
        return measure(
            name, title, mean, deviation: deviation.isFinite ? deviation : nil,
            interval: Bootstrap.interval(around: mean, deviation: deviation / count.squareRoot()), note: note)
    }
}
