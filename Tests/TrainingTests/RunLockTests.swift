import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// One process at a time works on a run, and no crash keeps later ones out.
@Suite struct RunLockTests {
    private func lockPath(_ runs: TinyRuns) -> String { "\(runs.directory)/run/run.lock" }

    @Test func aRunThatIsBeingTrainedIsNotResumed() throws {
        try TinyRuns.with { runs in
            let trainer = try Trainer(runs.configuration("run"), resume: false, logger: Logger(label: "test"))
            let host = ProcessInfo.processInfo.hostName
            for resume in [true, false] {
                expectSentence(
                    sentence { try runs.train("run", resume: resume) },
                    naming: [trainer.run.path, "process \(getpid()) on \(host)", "started at 20"])
            }
            #expect(try trainer.train())
        }
    }

    @Test func theLockGoesWithTheTrainer() throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 2)
            #expect(!FileManager.default.fileExists(atPath: lockPath(runs)))
            #expect(try runs.train("run", resume: true).log == [])
        }
    }

    @Test(arguments: ["", "{\"host\":\"HOST\",\"process\":1,\"started\":\"yesterday\"}"])
    func whatACrashLeftKeepsNobodyOut(content: String) throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 2)
            let text = content.replacingOccurrences(of: "HOST", with: ProcessInfo.processInfo.hostName)
            try text.write(toFile: lockPath(runs), atomically: false, encoding: .utf8)
            let outcome = try runs.train("run", resume: true)
            #expect(outcome.isFinished && outcome.log == [])
        }
    }

    @Test func aLockOfAnotherMachineIsMentioned() throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 2)
            let text = "{\"host\":\"elsewhere\",\"process\":7,\"started\":\"yesterday\"}"
            try text.write(toFile: lockPath(runs), atomically: false, encoding: .utf8)
            let outcome = try runs.train("run", resume: true)
            #expect(outcome.isFinished && outcome.log.count == 1)
            #expect(outcome.log.first?.contains("process 7 on elsewhere, started at yesterday") == true)
        }
    }

    @Test func aFileOfAnotherKindIsNotWrittenOver() throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 2)
            try "precious".write(toFile: lockPath(runs), atomically: false, encoding: .utf8)
            expectSentence(
                sentence { try runs.train("run", resume: true) }, naming: [lockPath(runs), "not a lock"])
            #expect(try String(contentsOfFile: lockPath(runs), encoding: .utf8) == "precious")
        }
    }

    /// A process that was killed between making the directory and writing the configuration.
    @Test func aRunThatHasBarelyBegunBeginsAnew() throws {
        try TinyRuns.with { runs in
            let run = try RunDirectory.create("\(runs.directory)/run")
            try "".write(toFile: lockPath(runs), atomically: false, encoding: .utf8)
            #expect(run.savedSteps == [])
            #expect(try runs.train("run").isFinished)
        }
    }

    @Test func aStepThatIsReadIsNotRemoved() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 1).run
            let held = run.readNewestStep()
            #expect(held?.path == run.stepPath(1))
            let change: (inout Configuration) -> Void = { configuration in
                (configuration.training.saveEvery, configuration.training.keepLast) = (1, 1)
            }
            _ = try runs.train("run", resume: true, change)
            withExtendedLifetime(held) { #expect(run.savedSteps == [1, 6]) }
        }
    }
}
