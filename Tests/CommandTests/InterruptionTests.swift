import Foundation
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Interrupted runs keep their checkpoints and resume to identical results.
@Suite struct InterruptionTests {
    /// Saved steps of `runs/<name>`.
    private func steps(_ place: Workplace, _ name: String) throws -> [Int] {
        try place.names(in: "runs/\(name)").compactMap { $0.wholeMatch(of: /step-([0-9]{7})/).flatMap { Int($0.1) } }
    }

    private func name(_ step: Int) -> String { "step-" + String(10_000_000 + step).dropFirst() }

    /// Makes a dataset whose path needs quotes in a shell.
    private func prepare(_ place: Workplace) throws {
        try place.prepareTraining()
        try FileManager.default.createSymbolicLink(
            atPath: place.path("its shapes"), withDestinationPath: place.path("shapes"))
    }

    /// Starts a run that would take hours, and sends a signal once it has saved three steps.
    private func interrupt(_ place: Workplace, by signal: Int32) throws -> Outcome {
        let process = try place.start(
            "train",
            [
                "train", "tiny.yaml", "--set", "training.steps=10000000", "--set", "training.save_every=1", "--set",
                "data.root=its shapes",
            ])
        while process.isRunning && !place.exists("runs/tiny/step-0000003") { usleep(2000) }
        kill(process.processIdentifier, signal)
        // A run that does not end must not block the tests.
        for _ in 0..<30_000 where process.isRunning { usleep(2000) }
        if process.isRunning {
            Issue.record("the run goes on after signal \(signal)")
            kill(process.processIdentifier, SIGKILL)
        }
        return try place.finish("train", process)
    }

    private func expectSameStep(_ place: Workplace, _ step: Int, _ left: String, _ right: String) throws {
        for file in ["denoiser.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"] {
            let path = "\(name(step))/\(file)"
            #expect(try place.bytes("\(left)/\(path)") == place.bytes("\(right)/\(path)"), "\(path)")
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func aSignalSavesTheRunAndEndsIt(signal: Int32) throws {
        try Workplace.with { place in
            try prepare(place)
            let outcome = try interrupt(place, by: signal)
            #expect(outcome.isExit && outcome.status == 0, "\(outcome.errors)")
            let last = try #require(try steps(place, "tiny").last)
            #expect(outcome.output.contains("Stopped and saved at step \(last)."))
            let values = "--set training.steps=10000000 --set training.save_every=1 --set 'data.root=its shapes'"
            #expect(outcome.output.contains("pixnerd train tiny.yaml \(values) --resume"))
            #expect(!place.exists("runs/tiny/saving.partial"))
            try place.succeed(
                "train", "tiny.yaml", "--set", "name=whole", "--set", "training.steps=\(last)", "--set",
                "data.root=its shapes")
            try expectSameStep(place, last, "runs/tiny", "runs/whole")
        }
    }

    /// Kills a run twenty times, during training and saving.
    @Test func aRunThatIsKilledAgainAndAgainComesToTheSameEnd() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let settings = [
                "--set", "training.steps=1000", "--set", "training.save_every=3", "--set", "training.keep_last=2",
            ]
            var delays = RandomStream(seed: 9, purpose: .test)
            for round in 0..<20 {
                let resume = place.exists("runs/tiny/config.yaml") ? ["--resume"] : []
                let process = try place.start("train", ["train", "tiny.yaml"] + settings + resume)
                // A slow machine needs longer to begin the run.
                while round == 0, process.isRunning, !place.exists("runs/tiny/latest") { usleep(10_000) }
                usleep(UInt32(40_000 + delays.nextInteger(below: 160_000)))
                kill(process.processIdentifier, SIGKILL)
                let outcome = try place.finish("train", process)
                #expect(outcome.errors == "" || resume.isEmpty || !outcome.isExit, "round \(round): \(outcome.errors)")
            }
            try place.succeed(["train", "tiny.yaml", "--resume"] + settings)
            try place.succeed(["train", "tiny.yaml", "--set", "name=whole"] + settings)
            try expectSameStep(place, 1000, "runs/tiny", "runs/whole")
            #expect(try steps(place, "tiny") == steps(place, "whole"))
            #expect(!(try place.names(in: "runs/tiny")).contains { $0.hasSuffix(".partial") })
        }
    }

    @Test func whatIsKilledGoesOnFromItsLastSavedStepToTheBit() throws {
        try Workplace.with { place in
            try prepare(place)
            let outcome = try interrupt(place, by: SIGKILL)
            #expect(!outcome.isExit && outcome.status == SIGKILL)
            let last = try #require(try steps(place, "tiny").last)
            let end = last + 4
            try place.succeed("train", "tiny.yaml", "--resume", "--set", "training.steps=\(end)")
            try place.succeed("train", "tiny.yaml", "--set", "name=whole", "--set", "training.steps=\(end)")
            try expectSameStep(place, end, "runs/tiny", "runs/whole")
            #expect(!place.exists("runs/tiny/saving.partial"))
            let lines = try String(contentsOfFile: place.path("runs/tiny/metrics.jsonl"), encoding: .utf8)
            #expect(lines.matches(of: /"step":([0-9]+)/).compactMap { Int($0.1) } == Array(1...end))
        }
    }
}
