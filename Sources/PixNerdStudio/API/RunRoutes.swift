import Foundation
import Hummingbird
import PixNerdSupport

/// The routes of runs, trainings and data sets, under `/api`.
struct RunRoutes: Sendable {
    let studio: StudioContext

    private struct Runs: Encodable { let runs: [RunEntry] }
    private struct Records: Encodable { let records: [MetricsPoint] }
    private struct Text: Encodable { let text: String }
    private struct Keys: Encodable { let keys: [KeyEntry] }
    private struct Configurations: Encodable { let configurations: [ConfigurationFiles.Entry] }
    private struct Started: Encodable { let run: String }
    private struct Datasets: Encodable { let datasets: [DatasetList.Entry] }

    /// Number of the last bytes of a log that a page gets.
    private static let logBytes: UInt64 = 64 << 10

    func add(to router: Router<StudioRequestContext>) {
        addRuns(to: router)
        addTrainings(to: router)
        addDatasets(to: router)
    }

    private func addRuns(to router: Router<StudioRequestContext>) {
        let (runs, options) = (studio.runs, studio.options)
        router.get("/api/runs") { _, _ in
            Response.json(Runs(runs: runs.entries().filter(\.isRun).map(RunEntry.init)))
        }
        router.get("/api/runs/:id") { _, context in
            Response.json(RunDescription(try runs.run(named: context.text("id"))))
        }
        router.get("/api/runs/:id/metrics") { _, context in
            let run = try runs.run(named: context.text("id")).run
            return Response.json(
                Records(records: MetricsHistory.points(MetricsHistory.records(path: run.metricsPath))))
        }
        router.get("/api/runs/:id/log") { _, context in
            let run = try runs.run(named: context.text("id"))
            return Response.json(Text(text: Self.tail(try RunFiles(options).log(of: run.id))))
        }
        router.get("/api/runs/:id/previews/:step/:weights") { _, context in
            let run = try runs.run(named: context.text("id")).run
            let step = try StudioRoutes.number(context.text("step"), "step", in: 0...Int.max)
            let path = try PreviewEntry.path(run, step: step, weights: context.text("weights"))
            guard let png = FileManager.default.contents(atPath: path) else {
                throw StudioFailure.notFound("The preview is gone.")
            }
            return Response.png(png)
        }
    }

    /// The end of a file, from a whole character on.
    private static func tail(_ path: String) -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { return "" }
        defer { try? file.close() }
        let end = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: end > logBytes ? end - logBytes : 0)
        let data = (try? file.readToEnd()) ?? Data()
        // The progress bar rewrites its line.
        return String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0.split(separator: "\r").last ?? "") }.joined(separator: "\n")
    }

    private func addTrainings(to router: Router<StudioRequestContext>) {
        let (training, options) = (studio.training, studio.options)
        router.get("/api/keys") { _, _ in Response.json(Keys(keys: KeyEntry.all)) }
        router.get("/api/configurations") { _, _ in
            Response.json(Configurations(configurations: ConfigurationFiles(options).entries()))
        }
        router.post("/api/trainings") { request, _ in
            let run = try await training.start(request.value(TrainingRequest.self))
            return Response.json(Started(run: run), status: .accepted)
        }
        router.post("/api/trainings/stop") { _, _ in
            try await training.stop()
            return Response(status: .accepted)
        }
        for name in ["save", "preview"] {
            router.post("/api/trainings/\(name)") { _, _ in
                try await training.save()
                return Response(status: .accepted)
            }
        }
    }

    private func addDatasets(to router: Router<StudioRequestContext>) {
        let datasets = studio.datasets
        router.get("/api/datasets") { _, _ in Response.json(Datasets(datasets: datasets.entries())) }
        router.get("/api/datasets/:id") { _, context in
            let id = try context.text("id")
            let text = try await datasets.report(id, isJSON: false)
            // The report is JSON already.
            let report = try await datasets.report(id, isJSON: true)
            return Response.bytes(
                Data("{\"text\":\(try JSON.text(text)),\"report\":\(report)}".utf8), type: "application/json")
        }
        router.get("/api/datasets/:id/sheet") { request, context in
            let size = request.uri.queryParameters["size"].map(String.init) ?? "64"
            let side = try StudioRoutes.number(size, "size", in: 8...DatasetList.largestSide)
            return Response.png(try await datasets.sheet(context.text("id"), side: side))
        }
    }
}
