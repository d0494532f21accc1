import Foundation
import PixNerdCheckpoints
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// A run goes on from its newest whole step, or from the one that is named, and nothing is lost.
@Suite struct ResumedStepTests {
    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// Replaces a text in the state of a step.
    private func edit(_ run: RunDirectory, step: Int, _ old: String, _ new: String) throws {
        let path = "\(run.stepPath(step))/state.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains(old))
        try text.replacingOccurrences(of: old, with: new).write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test(arguments: [
        ("\"step\":2", "\"step\":9223372036854775807"), ("\"step\":2", "\"step\":4611686018427387904"),
        ("\"step\":2", "\"step\":92233720368547758070"), ("\"step\":2", "\"step\":-1"),
        ("\"optimizer_step\":2", "\"optimizer_step\":9223372036854775807"),
        ("\"optimizer_step\":2", "\"optimizer_step\":-1"), ("\"samples\":8", "\"samples\":-8"),
        ("\"skipped\":0", "\"skipped\":9223372036854775807"), ("\"norms\":[]", "\"norms\":[1e400]"),
        ("\"norms\":[]", "\"norms\":[\(Array(repeating: "1", count: 129).joined(separator: ","))]"),
    ])
    func numbersOfTheStateThatCannotBe(old: String, new: String) throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 2).run
            try edit(run, step: 2, old, new)
            expectSentence(
                sentence { try runs.train("run", resume: true) }, naming: ["\(run.stepPath(2))/state.json"])
        }
    }

    @Test(arguments: ["state.json", "denoiser.safetensors", "ema.safetensors", "optimizer.safetensors"])
    func aDamagedStepIsLeftForTheOneBefore(name: String) throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 5).run
            #expect(run.savedSteps == [3, 5])
            try "".write(toFile: "\(run.stepPath(5))/\(name)", atomically: true, encoding: .utf8)
            let outcome = try runs.train("run", resume: true)
            let (damaged, kept) = ("\(run.stepPath(5))/\(name)", "\(run.stepPath(5)).aside")
            let warning = try #require(outcome.log.count == 1 ? outcome.log.first : nil)
            #expect(warning.hasPrefix("warning: step 5 is damaged (\(damaged) "))
            #expect(warning.hasSuffix("goes on from step 3; the damaged one is kept as \(kept)"))
            #expect(exists("\(run.stepPath(5)).aside/state.json") && exists("\(run.metricsPath).aside"))
            #expect(try runs.metrics(run).map(\.step) == [1, 2, 3, 4, 5, 6])
            expectSame(try runs.files(run), try runs.files(runs.train("whole").run))
        }
    }

    @Test func aStepThatIsNamedIsTakenAndNewerOnesAreKept() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run") { $0.training.saveEvery = 2 }.run
            #expect(run.savedSteps == [2, 4, 6])
            let outcome = try runs.train("run", resume: true, resumedStep: 2, stopAfter: 3) {
                $0.training.saveEvery = 2
            }
            #expect(outcome.step == 3 && run.savedSteps == [2, 3])
            #expect(outcome.log.count == 2)
            for step in [4, 6] { #expect(exists("\(run.stepPath(step)).aside/state.json")) }
            let again = try runs.train("run", resume: true) { $0.training.saveEvery = 2 }
            #expect(again.log == [] && run.savedSteps == [2, 3, 4, 6])
        }
    }

    @Test func aStepThatIsNotThereIsNamed() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run").run
            expectSentence(
                sentence { try runs.train("run", resume: true, resumedStep: 4) },
                naming: [run.path, "no saved step 4", "3, 6"])
            #expect(run.savedSteps == [3, 6])
        }
    }

    /// `cp -rL`, object storage and zip files turn the link into a directory.
    @Test func aCopyWithoutLinksGoesOn() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 2).run
            let latest = "\(run.path)/latest"
            try FileManager.default.removeItem(atPath: latest)
            try FileManager.default.copyItem(atPath: run.stepPath(2), toPath: latest)
            let outcome = try runs.train("run", resume: true)
            #expect(
                outcome.log == ["warning: \(latest) was a directory instead of a link; it is kept as \(latest).aside"])
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: latest) == "step-0000006")
        }
    }

    @Test func aCopyOfTheLatestStepAloneIsAStep() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 2).run
            let latest = "\(run.path)/latest"
            try FileManager.default.removeItem(atPath: latest)
            try FileManager.default.moveItem(atPath: run.stepPath(2), toPath: latest)
            let outcome = try runs.train("run", resume: true)
            #expect(outcome.log.count == 1 && run.savedSteps == [2, 3, 6])
        }
    }

    @Test func linesOfTheMetricsThatCannotBeReadStay() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 2).run
            let own = try Data(contentsOf: URL(fileURLWithPath: run.metricsPath))
            let foreign = Data([0xff, 0xfe]) + Data("\n".utf8)
            try (foreign + own + Data("{\"step\":".utf8)).write(to: URL(fileURLWithPath: run.metricsPath))
            try runs.train("run", resume: true)
            let kept = try Data(contentsOf: URL(fileURLWithPath: run.metricsPath))
            #expect(kept.starts(with: foreign + own))
            #expect(kept.split(separator: UInt8(ascii: "\n")).count == 7)
        }
    }
}
