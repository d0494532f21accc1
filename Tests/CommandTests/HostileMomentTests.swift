import Foundation
import Testing

/// Streams that go away, full disks, limits and closing terminals: nothing is lost, and the exit status is true.
@Suite struct HostileMomentTests {
    /// Runs a line of shell in which `$PIXNERD` is the program.
    private func shell(_ place: Workplace, _ line: String) throws -> Outcome {
        let process = try place.start(
            "shell", ["-c", line], program: "/bin/sh", environment: ["PIXNERD": try Workplace.program()])
        return try place.finish("shell", process)
    }

    @Test(arguments: [
        "info", "train --list-keys", "compare --list-keys", "dataset inspect shapes --json", "dataset inspect shapes",
        "--help", "--version", "help train", "train tiny.yaml",
    ])
    func resultsThatCannotBeWrittenAreNoSuccess(arguments: String) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            for target in [">/dev/full", ">&-"] {
                let outcome = try shell(place, "$PIXNERD \(arguments) \(target)")
                #expect(outcome.isExit && outcome.status == 1, "\(target): \(outcome.status)")
                let last = outcome.errors.split(separator: "\n").last ?? ""
                #expect(last.hasPrefix("Error: Standard output cannot be written: "), "\(outcome.errors)")
                try? FileManager.default.removeItem(atPath: place.path("runs"))
            }
        }
    }

    @Test(arguments: ["2>&1 | true", ">&- 2>&-", "> /dev/full 2> /dev/full"])
    func aTrainingGoesOnWithoutAReader(target: String) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            _ = try shell(place, "$PIXNERD train tiny.yaml --set training.steps=40 \(target)")
            #expect(place.exists("runs/tiny/step-0000040/state.json"))
            try place.succeed("train", "tiny.yaml", "--set", "name=whole", "--set", "training.steps=40")
            for file in ["denoiser.safetensors", "optimizer.safetensors", "state.json"] {
                let path = "step-0000040/\(file)"
                #expect(try place.bytes("runs/tiny/\(path)") == place.bytes("runs/whole/\(path)"), "\(file)")
            }
        }
    }

    @Test func aSamplingGoesOnWithoutAReader() throws {
        try Workplace.with { place in
            try place.train()
            _ = try shell(place, "$PIXNERD sample runs/tiny --out pictures --steps 2 --seeds 0 2>&1 | true")
            #expect(try place.pictureNames(in: "pictures").count == 8)
        }
    }

    @Test func theLimitOfAFileEndsInASentence() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            // 16 blocks of 512 bytes: enough for everything but weights.
            let outcome = try shell(place, "ulimit -f 16; exec $PIXNERD train tiny.yaml")
            #expect(outcome.isExit && outcome.status == 1, "\(outcome.status): \(outcome.errors)")
            let last = outcome.errors.split(separator: "\n").last ?? ""
            #expect(last.hasPrefix("Error: step 2 could not be saved: ") && last.contains("File too large"), "\(last)")
        }
    }

    /// Starts a run that would take hours, with SIGHUP handled in a given way by the parent, and waits for a step.
    private func start(_ place: Workplace, hangup: String) throws -> Process {
        try place.prepareTraining()
        let process = try place.start(
            "train",
            [
                "--\(hangup)-signal=HUP", try Workplace.program(), "train", "tiny.yaml", "--set",
                "training.steps=10000000", "--set", "training.save_every=1", "--set", "training.keep_last=3",
            ], program: "/usr/bin/env")
        waitForNextSteps(place, process)
        return process
    }

    /// Waits until the run has saved further steps.
    private func waitForNextSteps(_ place: Workplace, _ process: Process) {
        func last() -> Int {
            let names = (try? place.names(in: "runs/tiny")) ?? []
            return names.compactMap { $0.hasPrefix("step-") ? Int($0.dropFirst(5)) : nil }.max() ?? 0
        }
        let goal = last() + 3
        for _ in 0..<30_000 where process.isRunning && last() < goal { usleep(2000) }
        #expect(process.isRunning)
    }

    /// Waits for the end of a run, which must have saved its last step.
    private func expectSaved(_ place: Workplace, _ process: Process) throws {
        for _ in 0..<30_000 where process.isRunning { usleep(2000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        let outcome = try place.finish("train", process)
        #expect(outcome.isExit && outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("Stopped and saved at step "))
    }

    /// A shell and the kernel both tell the processes of a terminal that it has closed.
    @Test func aClosingTerminalSavesTheRun() throws {
        try Workplace.with { place in
            let process = try start(place, hangup: "default")
            for _ in 0..<3 { kill(process.processIdentifier, SIGHUP) }
            try expectSaved(place, process)
        }
    }

    @Test func nohupIsRespected() throws {
        try Workplace.with { place in
            let process = try start(place, hangup: "ignore")
            kill(process.processIdentifier, SIGHUP)
            waitForNextSteps(place, process)
            kill(process.processIdentifier, SIGINT)
            try expectSaved(place, process)
        }
    }

    @Test func aSecondTrainingOfARunIsRefused() throws {
        try Workplace.with { place in
            let process = try start(place, hangup: "default")
            try place.refuse(
                "train", "tiny.yaml", "--resume",
                naming: ["runs/tiny is in use by process \(process.processIdentifier) on ", "started at "])
            waitForNextSteps(place, process)
            kill(process.processIdentifier, SIGKILL)
            _ = try place.finish("train", process)
            // A lock of a process that was killed does not count.
            let last = try #require(try place.names(in: "runs/tiny").last { $0.hasPrefix("step-") }).dropFirst(5)
            try place.succeed(
                "train", "tiny.yaml", "--resume", "--set", "training.steps=\((Int(last) ?? 0) + 2)")
        }
    }

    @Test func aSecondComparisonInAFolderIsRefused() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "2", "--size", "16")
            try place.write(
                """
                name: tiny
                directory: runs
                shared:
                  data: {root: shapes, image_size: 16}
                  model: {hidden_size: 16, num_groups: 2, num_blocks: 3, num_cond_blocks: 2, hidden_size_x: 8}
                  training: {steps: 10000000, batch_size: 4, save_every: 2}
                pipelines:
                  field:
                  linear:
                    model: {head: linear}
                evaluation: {checkpoints: 10000000, pictures: 8, batch: 4, steps: 2, guidance: 1}
                """, to: "compare.yaml")
            let process = try place.start("compare", ["compare", "compare.yaml"])
            for _ in 0..<30_000 where process.isRunning && !place.exists("runs/tiny/runs/field/step-0000002") {
                usleep(2000)
            }
            let outcome = try place.run("compare", "compare.yaml")
            #expect(outcome.isExit && outcome.status == 1)
            #expect(outcome.errors.contains("runs/tiny is in use by process \(process.processIdentifier) on "))
            kill(process.processIdentifier, SIGINT)
            for _ in 0..<30_000 where process.isRunning { usleep(2000) }
            #expect(try place.finish("compare", process).status == 0)
            #expect(!place.exists("runs/tiny/compare.lock"))
        }
    }

    @Test func aStepIsNamedForResuming() throws {
        try Workplace.with { place in
            try place.train()
            try place.refuse("train", "tiny.yaml", "--step", "2", naming: ["--step", "--resume"])
            try place.refuse("train", "tiny.yaml", "--resume", "--step", "1", naming: ["no saved step 1", "2, 3"])
            let outcome = try place.succeed("train", "tiny.yaml", "--resume", "--step", "2")
            #expect(outcome.output.contains("from step 2") && outcome.output.contains("Trained to step 3 in "))
            #expect(outcome.errors.contains("step 3 is kept as runs/tiny/step-0000003.aside"))
        }
    }
}
