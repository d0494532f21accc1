import Foundation
import PixNerdSupport

/// Pictures with what they became, such as after encoding and decoding, one by one.
struct PairComparison {
    private let first: PictureSource
    private let second: PictureSource
    private let size: PictureExtent
    private let batch: Int

    /// - Throws: `EvaluationError` where there are no two equal numbers of pictures.
    init(real: EvaluationSource, generated: EvaluationSource, size: PictureExtent?, batch: Int) throws {
        guard let (first, second) = both(real.pictures, generated.pictures), let size else {
            throw EvaluationError("Pairs are pictures on both sides; \(real.path) or \(generated.path) holds none.")
        }
        guard first.count == second.count else {
            throw EvaluationError(
                "\(first.path) holds \(first.count) pictures and \(second.path) \(second.count); pairs need as many on "
                    + "both sides, in the same order.")
        }
        (self.first, self.second, self.size, self.batch) = (first, second, size, batch)
    }

    /// Means over the pairs. The first side is in memory as a whole meanwhile.
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
        var problem: String?
        func note(_ reason: String) { problem = problem ?? reason }
        try source.forEachBatch(size: size, crops: true, batch: batch, unreadable: note, body)
        // A picture left out would pair all that follow with others.
        if let problem { throw EvaluationError(problem) }
    }

    /// The mean of something of pictures, one by one, with the deviation of that.
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
