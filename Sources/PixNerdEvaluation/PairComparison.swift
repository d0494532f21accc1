import Foundation
import PixNerdImages
import PixNerdSupport

/// Compares images pair by pair, such as originals with their reconstructions.
struct PairComparison {
    private let first: PictureSource
    private let second: PictureSource
    private let size: ImageSize
    private let format: PixelFormat
    private let settings: Evaluation.Settings
    /// Whether the names of the images say which belong together; otherwise their order does.
    private let areNamed: Bool

    /// - Throws: `PixNerdError` unless both sides hold the same images: as many, and by the same names if they share
    ///   any.
    init(
        real: EvaluationSource, generated: EvaluationSource, size: ImageSize?, format: PixelFormat,
        settings: Evaluation.Settings
    ) throws {
        guard let (first, second) = both(real.pictures, generated.pictures), let size else {
            throw PixNerdError(
                .mismatch, "\(real.path) or \(generated.path)", found: "holds no images", expected: "pairs of images")
        }
        (self.first, self.second, self.size, self.settings) = (first, second, size, settings)
        self.format = format
        areNamed = try Self.areNamed(first, second)
        guard first.count == second.count else {
            throw PixNerdError(
                .mismatch, "\(first.path)", found: "holds \(first.count) images and \(second.path) \(second.count)",
                expected: "pairs, with as many images on both sides in the same order")
        }
    }

    /// Whether both sides have the same names; false if they share none, so that only the order can pair them.
    ///
    /// - Throws: `PixNerdError` if they share some names only: an image that is missing on one side would shift all pairs
    ///   after it.
    private static func areNamed(_ first: PictureSource, _ second: PictureSource) throws -> Bool {
        guard let (a, b) = both(first.names, second.names) else { return false }
        if a == b { return true }
        let (inFirst, inSecond) = (Set(a), Set(b))
        guard !inFirst.isDisjoint(with: inSecond) else { return false }
        func refusal(_ name: String, in holder: PictureSource, notIn other: PictureSource) -> PixNerdError {
            PixNerdError(
                .mismatch, "\(holder.path)", found: "holds the image \(name) and \(other.path) does not",
                expected: "pairs, with the same names on both sides")
        }
        if let alone = a.first(where: { !inSecond.contains($0) }) {
            throw refusal(alone, in: first, notIn: second)
        }
        if let alone = b.first(where: { !inFirst.contains($0) }) {
            throw refusal(alone, in: second, notIn: first)
        }
        throw PixNerdError(
            .mismatch, "\(first.path) and \(second.path)", found: "hold images of the same names in another order",
            expected: "pairs in the same order")
    }

    /// Means over the pairs. The whole first side is held in memory.
    func measures() throws -> [EvaluationReport.Measure] {
        var originals: [PixelBatch] = []
        let cropped = try read(first) { originals.append($0) }
        var rest = PairQueue(originals)
        var (noise, similarity): ([Double], [Double]) = ([], [])
        let isLarge = min(size.height, size.width) >= PairMeasures.smallestSide
        try read(second) { batch in
            // The sides may be read in batches of other sizes.
            guard let original = rest.next(batch.count) else { return }
            noise += PairMeasures.peakSignalToNoise(original, batch)
            if isLarge { similarity += PairMeasures.structuralSimilarity(original, batch) }
        }
        guard noise.count == first.count else {
            throw PixNerdError(
                .mismatch, "\(first.path) or \(second.path)", found: "changed while it was read",
                advice: "measure them again when nothing writes to them")
        }
        var note = areNamed || first.names == nil && second.names == nil ? "" : ", matched by order, not by name"
        if cropped > 0 { note += ", \(cropped) originals cropped and scaled" }
        let ratio = Self.ratio("PSNR", noise, unit: "dB, ", of: "pair", note: note, resamples: settings.resamples)
        guard isLarge else { return [ratio] }
        let count = counted(similarity.count, "pair")
        return [
            ratio,
            Self.mean("ssim", "SSIM", similarity, note: "mean of \(count)\(note)", resamples: settings.resamples),
        ]
    }

    @discardableResult
    private func read(_ source: PictureSource, _ body: (PixelBatch) -> Void) throws -> Int {
        var problem: PixNerdError?
        func note(_ error: PixNerdError) { problem = problem ?? error }
        let cropped = try source.forEachBatch(
            size: size, format: format, crops: true, batch: settings.batch, unreadable: note
        ) {
            // Skipping an image would shift all pairs after it.
            if let problem { throw problem }
            body($0)
        }
        if let problem { throw problem }
        return cropped
    }

    /// Mean peak signal-to-noise ratio of the pairs that differ: that of equal images is infinite, and would make the
    /// mean say nothing about the others.
    ///
    /// - Parameters:
    ///   - unit: the unit at the beginning of the note.
    ///   - noun: what a value belongs to.
    static func ratio(
        _ title: String, _ values: [Double], unit: String = "", of noun: String, note: String = "", resamples: Int = 2
    ) -> EvaluationReport.Measure {
        let different = values.filter(\.isFinite)
        let equal = values.count - different.count
        guard !different.isEmpty else {
            return mean(
                "psnr", title, values, note: "\(unit)all \(counted(equal, noun)) identical\(note)", resamples: 0)
        }
        let left = equal == 0 ? "" : "; \(counted(equal, "identical \(noun)")) left out"
        return mean(
            "psnr", title, different, note: "\(unit)mean of \(counted(different.count, noun))\(left)\(note)",
            resamples: resamples)
    }

    /// Mean of one value per image, with its standard deviation and 95 % interval.
    ///
    /// - Parameter resamples: 0 leaves the interval out.
    static func mean(
        _ name: String, _ title: String, _ values: [Double], note: String, resamples: Int = 2
    ) -> EvaluationReport.Measure {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let deviation = count > 1 ? (squares / (count - 1)).squareRoot() : .nan
        return measure(
            name, title, mean, deviation: deviation.isFinite ? deviation : nil,
            interval: resamples == 0
                ? nil : Bootstrap.interval(around: mean, deviation: deviation / count.squareRoot()), note: note)
    }
}

/// Images that were read in batches, handed out in batches of other sizes.
private struct PairQueue {
    private let batches: [PixelBatch]
    private var (batch, picture) = (0, 0)

    init(_ batches: [PixelBatch]) { self.batches = batches }

    /// The next images; nil if fewer are left.
    mutating func next(_ count: Int) -> PixelBatch? {
        if picture == 0, batch < batches.count, batches[batch].count == count {
            batch += 1
            return batches[batch - 1]
        }
        var parts: [PixelBatch] = []
        for _ in 0..<count {
            guard batch < batches.count, let part = batches[batch].part([picture]) else { return nil }
            parts.append(part)
            picture += 1
            if picture == batches[batch].count { (batch, picture) = (batch + 1, 0) }
        }
        return PixelBatch(joining: parts)
    }
}
