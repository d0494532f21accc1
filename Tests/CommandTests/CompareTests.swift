import Foundation
import PixNerdTestSupport
import Testing

/// `pixnerd compare`, with each unit of work in its own process.
@Suite struct CompareTests {
    private let configuration = """
        name: tiny
        directory: runs
        shared:
          data: {root: shapes, image_size: 16}
          model: {hidden_size: 16, num_groups: 2, num_blocks: 3, num_cond_blocks: 2, hidden_size_x: 8}
          training: {steps: 2, batch_size: 4, log_every: 1, save_every: 2}
        pipelines:
          field:
          linear:
            model: {head: linear}
        evaluation: {pictures: 8, batch: 4, steps: 2, guidance: 1, resamples: 2, round_trips: 4}
        """

    private func prepare(_ place: Workplace, _ text: String? = nil) throws {
        try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "2", "--size", "16")
        try place.write(text ?? configuration, to: "compare.yaml")
    }

    @Test func aComparisonComesToItsReport() throws {
        try Workplace.with { place in
            try prepare(place)
            let outcome = try place.succeed("compare", "compare.yaml", "--set", "pipelines.linear.seed=1")
            #expect(outcome.output.contains("NOT EQUAL: seed is 0 in field, 1 in linear.\n"))
            #expect(outcome.output.hasSuffix("The report is in runs/tiny/report.html and runs/tiny/report.json.\n"))
            let page = try String(contentsOfFile: place.path("runs/tiny/report.html"), encoding: .utf8)
            let entered = "<code>pixnerd compare compare.yaml --set pipelines.linear.seed=1</code>"
            #expect(page.contains("<strong>Not equal.</strong>") && page.contains(entered))
            #expect(outcome.errors.contains("[1/10] field: training"))
            let report = try String(contentsOfFile: place.path("runs/tiny/report.json"), encoding: .utf8)
            #expect(report.contains("\"isEqual\" : false") && report.contains("\"missing\" : [\n\n  ]"))
            // No work remains.
            let again = try place.succeed("compare", "compare.yaml", "--set", "pipelines.linear.seed=1")
            #expect(again.errors == "")
        }
    }

    /// A comparison that takes hours.
    private var endless: String {
        configuration.replacingOccurrences(of: "steps: 2, batch", with: "steps: 10000000, batch")
            .replacingOccurrences(of: "evaluation: {", with: "evaluation: {checkpoints: 10000000, ")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func aSignalStopsItAndTheSameCommandGoesOn(signal: Int32) throws {
        try Workplace.with { place in
            try prepare(place, endless)
            let process = try place.start("compare", ["compare", "compare.yaml"])
            while process.isRunning && !place.exists("runs/tiny/runs/field/step-0000002") { usleep(2000) }
            kill(process.processIdentifier, signal)
            for _ in 0..<30_000 where process.isRunning { usleep(2000) }
            let outcome = try place.finish("compare", process)
            #expect(outcome.isExit && outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("Stopped. Resume with: pixnerd compare compare.yaml\n"))
            let names = try place.names(in: "runs/tiny/runs/field").filter { $0.hasPrefix("step-") }
            let last = try #require(names.last.flatMap { Int($0.dropFirst(5)) })
            try place.succeed(
                "compare", "compare.yaml", "--set", "training.steps=\(last)", "--set", "evaluation.checkpoints=\(last)")
            let report = try String(contentsOfFile: place.path("runs/tiny/report.json"), encoding: .utf8)
            #expect(report.contains("\"missing\" : [\n\n  ]"))
        }
    }

    @Test func whatIsWrongIsSaidOnce() throws {
        try Workplace.with { place in
            try prepare(place)
            try place.refuse("compare", naming: ["configs/compare-shapes.yaml"])
            try place.refuse("compare", "none.yaml", naming: ["none.yaml"])
            try place.refuse("compare", "compare.yaml", "--set", "training.stps=1", naming: ["training.steps?"])
            try place.refuse("compare", "compare.yaml", "--set", "data.root=none", naming: ["none"])
            try place.refuse("compare", "compare.yaml", "--set", "evaluation.reference=none", naming: ["none"])
            #expect(try place.succeed("compare", "--list-keys").output.contains("evaluation.guidance"))
        }
    }

    /// The process of a unit must not outlive the one that started it.
    @Test func whatIsKilledTakesItsUnitWithIt() throws {
        try Workplace.with { place in
            try prepare(place, endless)
            let process = try place.start("compare", ["compare", "compare.yaml"])
            while process.isRunning && !place.exists("runs/tiny/runs/field/step-0000002") { usleep(2000) }
            kill(process.processIdentifier, SIGKILL)
            _ = try place.finish("compare", process)
            func lines() throws -> Int { try place.bytes("runs/tiny/runs/field/metrics.jsonl").count }
            usleep(500_000)
            let before = try lines()
            usleep(300_000)
            #expect(try lines() == before)
        }
    }
}
