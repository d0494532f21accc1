import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdImages
import PixNerdSampling
import PixNerdSupport
import PixNerdTraining

/// Finds out which settings a run is best sampled with: the length of its average, guidance, sampler.
///
/// Candidates are measured on images from the same seeds. The best one is then compared with the run's present settings
/// on images from other seeds, and written as the run's defaults (`ChosenSampling`) if it is better beyond chance.
public final class Tuning {
    private let settings: TuningSettings
    private let measurement: CandidateMeasurement
    private let logger: Logger
    private var record: TuningRecord
    private var budget: TuningBudget
    private var kept: [(settings: TuningCandidate, images: [RGBImage])] = []
    /// Receives the seconds that have passed, of those that there are.
    public var onProgress: ProgressHandler = { _ in }

    /// Rows of the sheet, and images in each.
    private static let (sheetRows, sheetColumns) = (5, 8)

    /// The outcome of a tuning.
    public struct Outcome {
        public let record: TuningRecord
        /// The settings that sampling the run took by itself so far.
        public let before: TuningCandidate
        /// The best settings of the search.
        public let best: TuningCandidate
        /// Path of the sheet of images; nil if none was measured.
        public let sheet: String?

        /// Whether the best settings are better than the present ones by more than chance.
        public var isBetter: Bool { record.decision?.isBetter ?? false }
    }

    /// Prepares the tuning of a run.
    ///
    /// - Parameters:
    ///   - path: the directory of the run.
    ///   - program: name and version of the program, for the record.
    /// - Throws: `PixNerdError` if the run, the real images or a setting to try are not valid.
    public init(run path: String, _ settings: TuningSettings, program: String, logger: Logger) throws {
        (self.settings, self.logger) = (settings, logger)
        measurement = try CandidateMeasurement(run: path, settings) {
            logger.warning("Skipping an unreadable image: \($0)")
        }
        let conditions = try measurement.conditions(program: program)
        record = TuningRecord(path: Self.recordPath(measurement.run), conditions) ?? TuningRecord(conditions)
        budget = TuningBudget(seconds: settings.seconds)
        if !record.results.isEmpty {
            logger.notice(
                "\(Self.recordPath(measurement.run)) already holds \(counted(record.results.count, "result"))")
        }
        if settings.reference == nil {
            logger.notice(
                """
                images are compared with the run's training images, \(measurement.reference); held-out images would \
                also tell whether the model only repeats them
                """)
        }
    }

    private static func recordPath(_ run: RunDirectory) -> String { "\(run.path)/tune.json" }
    private static func sheetPath(_ run: RunDirectory) -> String { "\(run.path)/tune.png" }

    /// Searches, compares, and writes the record, the sheet, and the run's defaults.
    ///
    /// - Parameters:
    ///   - isDry: leaves the run's defaults as they are.
    ///   - isCancelled: polled while images are made.
    /// - Throws: `CancellationError`; the results so far are then kept for the next session. `PixNerdError` if images
    ///   cannot be made or measured.
    public func run(isDry: Bool = false, isCancelled: () -> Bool = { false }) throws -> Outcome {
        var winner: Double?
        defer { measurement.removeAverages(besides: winner) }
        let (before, run) = (measurement.before, measurement.run)
        var search = TuningSearch(
            from: before, axes: try TuningAxes(settings, measurement, logger).all, images: settings.images)
        try search.run { candidate, count in
            let isPossible = budget.allows(candidate, images: count, reserving: (before, settings.images))
            return try value(candidate, count, isPossible: isPossible, isCancelled)
        }
        if search.best != before { record.decision = try decision(before, search.best, isCancelled) }
        let isBetter = record.decision?.isBetter ?? false
        try record.write(to: Self.recordPath(run))
        if !kept.isEmpty { try writeSheet(best: search.best, isCancelled) }
        if isBetter, !isDry {
            winner = search.best.length
            try chosen(search.best).write(to: run)
            if before.length != winner { measurement.removeAverage(before.length) }
        }
        return Outcome(
            record: record, before: before, best: search.best, sheet: kept.isEmpty ? nil : Self.sheetPath(run))
    }

    /// The distance of images made with some settings, from the record if it is there; nil if there is no time for it.
    private func value(
        _ candidate: TuningCandidate, _ count: Int, isPossible: Bool, _ isCancelled: () -> Bool
    ) throws -> Double? {
        if let known = record.result(candidate, images: count) { return known.value }
        guard isPossible else { return nil }
        let found = try result(candidate, count, firstSeed: settings.seed, isFinal: false, isCancelled).result
        record.results.append(found)
        try record.write(to: Self.recordPath(measurement.run))
        return found.value
    }

    /// Makes images with some settings and measures them.
    private func result(
        _ candidate: TuningCandidate, _ count: Int, firstSeed: UInt64, isFinal: Bool, _ isCancelled: () -> Bool
    ) throws -> (result: TuningRecord.Result, resampled: [Double]) {
        let start = ContinuousClock.now
        let images = try measurement.images(
            candidate, count: count, firstSeed: firstSeed,
            afterStep: { report("\(counted(count, "image"))  \(candidate.description)") }, isCancelled: isCancelled)
        defer { budget.add(candidate, images: count, took: (ContinuousClock.now - start) / .seconds(1)) }
        // Settings whose images diverge are the worst.
        let measure = try images.map { try measurement.measure($0, isFinal: isFinal) }
        if let images, firstSeed == settings.seed { keep(candidate, images) }
        let result = TuningRecord.Result(
            settings: candidate, images: count, firstSeed: firstSeed, value: measure?.value ?? .infinity,
            floor: measure?.floor, deviation: isFinal ? measure.map { Bootstrap.deviation($0.resampled) ?? 0 } : nil)
        return (result, measure?.resampled ?? [])
    }

    private func report(_ details: String) {
        let total = max(Int(settings.seconds), 1)
        onProgress(WorkProgress(done: min(Int(budget.spent), total - 1), total: total, details: details))
    }

    /// Compares two settings on images from seeds that the search has not seen; nil if there is no time for it.
    private func decision(
        _ before: TuningCandidate, _ best: TuningCandidate, _ isCancelled: () -> Bool
    ) throws -> TuningRecord.Decision? {
        guard let count = budget.finalImages(before, best, most: settings.images) else { return nil }
        let seed = settings.seed &+ UInt64(settings.images)
        let own = try result(before, count, firstSeed: seed, isFinal: true, isCancelled)
        let other = try result(best, count, firstSeed: seed, isFinal: true, isCancelled)
        // Both are resampled alike, so that what their images have in common cancels. One side of a normal distribution
        // has 5 % beyond 1.645 standard deviations.
        let noise = 1.645 * (Bootstrap.deviation(zip(own.resampled, other.resampled).map { $0 - $1 }) ?? 0)
        return TuningRecord.Decision(before: own.result, best: other.result, noise: noise)
    }

    /// Keeps the first images of the best settings for the sheet.
    private func keep(_ candidate: TuningCandidate, _ images: [RGBImage]) {
        kept.removeAll { $0.settings == candidate }
        kept.append((candidate, Array(images.prefix(Self.sheetColumns))))
        let wanted = [measurement.before, candidate] + record.ranking().prefix(Self.sheetRows).map(\.settings)
        kept.removeAll { !wanted.contains($0.settings) }
    }

    /// Draws a row for each of the best settings and the present ones, with the same seeds.
    private func writeSheet(best: TuningCandidate, _ isCancelled: () -> Bool) throws {
        var shown: [TuningCandidate] = []
        for candidate in [measurement.before, best] + record.ranking().map(\.settings)
        where !shown.contains(candidate) && shown.count < Self.sheetRows { shown.append(candidate) }
        let rows = try shown.compactMap { candidate -> (label: String?, images: [RGBImage])? in
            let images =
                try kept.first { $0.settings == candidate }?.images
                ?? measurement.images(
                    candidate, count: min(Self.sheetColumns, settings.images), firstSeed: settings.seed, afterStep: {},
                    isCancelled: isCancelled)
            let name = candidate == measurement.before ? "before: " : candidate == best ? "best: " : ""
            return images.map { images -> (label: String?, images: [RGBImage]) in
                (name + candidate.description, images)
            }
        }
        guard !rows.isEmpty else { return }
        try ImageFile.writePNG(ImageGrid.make(rows: rows), to: Self.sheetPath(measurement.run))
    }

    private func chosen(_ candidate: TuningCandidate) -> ChosenSampling {
        var chosen = ChosenSampling()
        chosen.average = candidate.length.map { ChosenSampling.Average(length: $0, step: measurement.step) }
        (chosen.sampler, chosen.steps, chosen.shift) = (candidate.sampler, candidate.steps, candidate.shift)
        (chosen.guidance, chosen.guidanceInterval) = (candidate.guidance, candidate.times)
        return chosen
    }
}
