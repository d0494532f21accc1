import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTraining

/// Tells open pages what a training writes into its run: lines of the log, previews, saved steps.
struct RunWatch: Sendable {
    private struct Line: Encodable {
        let run: String
        let record: MetricsPoint
    }
    private struct Made: Encodable {
        let run: String
        let step: Int
        var weights: String?
    }

    /// Time between two looks. A look asks the system for the times of three files.
    private static let interval = Duration.milliseconds(50)

    let runs: RunList
    let training: TrainingSupervisor
    let events: EventHub
    let onChange: @Sendable () async -> Void

    /// Watches until the task is cancelled.
    func watch() async {
        var seen: Seen?
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            guard let run = await training.ownRun else {
                seen = nil
                continue
            }
            if seen?.run != run { seen = Seen(run, runs) }
            guard var now = seen else { continue }
            await look(&now)
            seen = now
        }
    }

    private func look(_ seen: inout Seen) async {
        for record in seen.newRecords() {
            await training.note(record, of: seen.run)
            events.send(
                "metrics",
                Line(
                    run: seen.run, record: MetricsPoint(record: record, lossLow: record.loss, lossHigh: record.loss)))
            await onChange()
        }
        guard events.isHeard else { return }
        for preview in seen.newPreviews() {
            events.send("preview", Made(run: seen.run, step: preview.step, weights: preview.weights))
        }
        for step in seen.newSteps() { events.send("saved", Made(run: seen.run, step: step)) }
    }

    /// What of a run was told already.
    private struct Seen {
        let run: String
        private let directory: RunDirectory
        private var length: UInt64
        private var previews: Set<String>
        private var previewsChanged: Date?
        private var steps: Set<Int>
        private var stepsChanged: Date?

        init(_ run: String, _ runs: RunList) {
            self.run = run
            directory = RunDirectory(existing: "\(runs.folder)/\(run)")
            length = Self.size(directory.metricsPath)
            previews = Set(Self.names(directory.previewsPath))
            steps = Set(directory.savedSteps)
        }

        private static func attributes(_ path: String) -> [FileAttributeKey: Any] {
            (try? FileManager.default.attributesOfItem(atPath: path)) ?? [:]
        }

        private static func size(_ path: String) -> UInt64 { attributes(path)[.size] as? UInt64 ?? 0 }

        private static func changed(_ path: String) -> Date? { attributes(path)[.modificationDate] as? Date }

        private static func names(_ folder: String) -> [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        }

        /// Whole lines that were appended.
        mutating func newRecords() -> [MetricsRecord] {
            let size = Self.size(directory.metricsPath)
            // A run that is resumed from an earlier step cuts its log.
            if size < length { length = size }
            guard size > length, let file = FileHandle(forReadingAtPath: directory.metricsPath) else { return [] }
            defer { try? file.close() }
            try? file.seek(toOffset: length)
            guard let data = try? file.readToEnd(), let end = data.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
            let lines = data[data.startIndex...end]
            length += UInt64(lines.count)
            return MetricsHistory.records(in: lines)
        }

        mutating func newPreviews() -> [(step: Int, weights: String)] {
            let changed = Self.changed(directory.previewsPath)
            guard changed != previewsChanged else { return [] }
            previewsChanged = changed
            let names = Self.names(directory.previewsPath)
            let new = names.filter { !previews.contains($0) }
            previews.formUnion(new)
            return new.compactMap(PreviewEntry.parse)
        }

        mutating func newSteps() -> [Int] {
            let changed = Self.changed(directory.path)
            guard changed != stepsChanged else { return [] }
            stepsChanged = changed
            let new = directory.savedSteps.filter { !steps.contains($0) }
            steps.formUnion(new)
            return new
        }
    }
}
