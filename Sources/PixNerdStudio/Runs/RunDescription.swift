import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTraining

/// A run in the list of the page.
struct RunEntry: Encodable, Sendable {
    let id: String
    /// `denoiser` or `autoencoder`.
    let kind: String
    /// `training`, `stopped` or `finished`.
    let state: String
    let step: Int
    let steps: Int
    let loss: Double?
    /// Seconds since 1970.
    let updated: Double

    init(_ entry: RunList.Entry) {
        let configuration = try? Configuration(yaml: entry.run.configurationPath)
        let last = Self.lastRecord(entry.run.metricsPath)
        let newest = max(entry.run.savedSteps.last ?? 0, last?.step ?? 0)
        let total = configuration?.training.steps ?? newest
        id = entry.id
        kind = (configuration?.kind ?? .denoiser).rawValue
        state = entry.run.isInUse ? "training" : newest >= total ? "finished" : "stopped"
        (step, steps, loss) = (newest, total, last?.loss)
        updated = entry.changed.timeIntervalSince1970
    }

    /// The last line of a log, without reading the whole file.
    private static func lastRecord(_ path: String) -> MetricsRecord? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        let end = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: end > 8192 ? end - 8192 : 0)
        return (try? file.readToEnd()).flatMap { MetricsHistory.records(in: $0).last }
    }
}

/// Previews of a step.
struct PreviewEntry: Encodable, Sendable, Equatable {
    let step: Int
    /// `ema` and `raw`, those that there are.
    var weights: [String]

    /// The previews of a run, by step.
    static func all(_ run: RunDirectory) -> [PreviewEntry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: run.previewsPath)) ?? []
        let parsed = names.compactMap(parse).sorted { ($0.step, $0.weights) < ($1.step, $1.weights) }
        return parsed.reduce(into: []) { entries, preview in
            if entries.last?.step == preview.step {
                entries[entries.count - 1].weights.append(preview.weights)
            } else {
                entries.append(PreviewEntry(step: preview.step, weights: [preview.weights]))
            }
        }
    }

    /// The step and the weights that a preview's file name tells: `step-000400.png`, or `-raw.png` for raw weights.
    static func parse(_ name: String) -> (step: Int, weights: String)? {
        guard name.hasPrefix("step-"), name.hasSuffix(".png") else { return nil }
        let stem = name.dropFirst(5).dropLast(4)
        let isRaw = stem.hasSuffix("-raw")
        return Int(isRaw ? stem.dropLast(4) : stem).map { ($0, isRaw ? "raw" : "ema") }
    }

    /// Path of a preview's file.
    static func path(_ run: RunDirectory, step: Int, weights: String) throws -> String {
        guard all(run).contains(where: { $0.step == step && $0.weights.contains(weights) }) else {
            throw StudioFailure.notFound("There is no preview of step \(step) with \(weights) weights.")
        }
        return "\(run.previewsPath)/step-\(step.zeroPadded(to: 6))\(weights == "raw" ? "-raw" : "").png"
    }
}

/// A run with its configuration and what it has made.
struct RunDescription: Encodable, Sendable {
    let run: RunEntry
    let configuration: String
    let keys: [KeyValue]
    let savedSteps: [Int]
    let previews: [PreviewEntry]
    let alerts: [RunAlert]

    init(_ entry: RunList.Entry) {
        run = RunEntry(entry)
        let data = FileManager.default.contents(atPath: entry.run.configurationPath) ?? Data()
        configuration = String(decoding: data, as: UTF8.self)
        keys =
            (try? Configuration(text: configuration, origin: entry.id))
            .map { KeyValue.values($0, changedOnly: false) } ?? []
        savedSteps = entry.run.savedSteps
        previews = PreviewEntry.all(entry.run)
        alerts = RunAlert.all(MetricsHistory.records(path: entry.run.metricsPath))
    }
}
