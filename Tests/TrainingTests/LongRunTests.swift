import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Features for long runs: several EMAs, few checkpoints, full disks.
@Suite struct LongRunTests {
    @Test func severalAveragesAreKeptAndResumed() throws {
        try TinyRuns.with { runs in
            let decays: (inout Configuration) -> Void = {
                $0.training.emaDecay = [0.9, 0.5]
                $0.training.emaWarmup = false
            }
            let whole = try runs.train("whole", decays).run
            try runs.train("parts", stopAfter: 4, decays)
            let parts = try runs.train("parts", resume: true, decays).run
            let files = try runs.files(whole)
            #expect(files["ema-0.5.safetensors"] != nil)
            #expect(files["ema.safetensors"] != files["ema-0.5.safetensors"])
            #expect(try runs.files(parts) == files)
            // The faster EMA is nearer to the weights.
            func values(_ name: String, _ prefix: String) throws -> [Float] {
                let file = TensorSubset(try SafetensorsFile(path: "\(whole.stepPath(6))/\(name)"), prefix: prefix)
                return try file.tensor("blocks.0.attn.qkv.weight").values
            }
            let weights = try values("denoiser.safetensors", "denoiser.")
            let slow = relativeError(try values("ema.safetensors", "ema_denoiser."), weights)
            let fast = relativeError(try values("ema-0.5.safetensors", "ema_denoiser."), weights)
            #expect(fast < slow)
        }
    }

    @Test func onlyTheLastStepsAndEveryFewAreKept() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run") {
                $0.training.saveEvery = 1
                $0.training.keepLast = 2
                $0.training.keepEvery = 3
            }.run
            #expect(run.savedSteps == [3, 5, 6])
            let names = try FileManager.default.contentsOfDirectory(atPath: run.path)
            #expect(!names.contains { $0.hasSuffix(".partial") })
        }
    }

    @Test func accumulationLearnsTheSame() throws {
        try TinyRuns.with { runs in
            let whole = try runs.train("whole").run
            let split = try runs.train("split") { $0.training.accumulate = 2 }.run
            for name in ["denoiser", "ema"] {
                let (left, right) = (
                    try SafetensorsFile(path: "\(whole.stepPath(6))/\(name).safetensors"),
                    try SafetensorsFile(path: "\(split.stepPath(6))/\(name).safetensors")
                )
                for tensor in left.names {
                    expectClose(try right.tensor(tensor), try left.tensor(tensor), .run, tensor)
                }
            }
        }
    }

    @Test func aBatchThatCannotBeSplitIsRefused() throws {
        try TinyRuns.with { runs in
            let message = sentence { try runs.train("run") { $0.training.accumulate = 3 } }
            expectSentence(message, naming: ["training.batch_size 4", "training.accumulate 3"])
        }
    }

    /// Trains a run whose directory becomes unwritable after step 4, as on a full disk.
    ///
    /// - Parameter mendedAfter: the step after which it can be written to again.
    private func trainWithoutARoof(
        _ runs: TinyRuns, _ policy: Configuration.SaveFailure, steps: Int = 6, mendedAfter: Int? = nil
    ) throws -> (TinyRuns.Outcome?, String) {
        var outcome: TinyRuns.Outcome?
        let message = sentence {
            outcome = try runs.train("run") {
                $0.training.onSaveFailure = policy
                $0.training.steps = steps
            } afterStep: { run, step in
                if step == mendedAfter {
                    unlink(run.path)
                    rename("\(runs.directory)/elsewhere", run.path)
                }
                guard step == 4 else { return }
                rename(run.path, "\(runs.directory)/elsewhere")
                _ = FileManager.default.createFile(atPath: run.path, contents: nil)
            }
        }
        return (outcome, message)
    }

    @Test func whatCannotBeSavedEndsTheRunAndKeepsWhatWasSaved() throws {
        try TinyRuns.with { runs in
            let (_, message) = try trainWithoutARoof(runs, .stop)
            expectSentence(message, naming: ["step 6 could not be saved"])
            let earlier = try DenoiserCheckpoint(path: "\(runs.directory)/elsewhere/step-0000003")
            #expect(try earlier.load(.ema).parameters.allSatisfy { $0.value.isFinite })
        }
    }

    @Test func aRunMayGoOnWithoutSaving() throws {
        try TinyRuns.with { runs in
            let (outcome, _) = try trainWithoutARoof(runs, .goOn, steps: 8, mendedAfter: 7)
            #expect(outcome?.isFinished == true)
            #expect(outcome?.log.contains { $0.hasPrefix("error: step 6 could not be saved") } == true)
            #expect(outcome?.run.savedSteps == [3, 8])
        }
    }

    @Test func aRunWhoseLastSaveFailsIsNotFinished() throws {
        try TinyRuns.with { runs in
            let (outcome, message) = try trainWithoutARoof(runs, .goOn)
            #expect(outcome == nil)
            expectSentence(message, naming: ["step 6 could not be saved", "no step of the run is saved"])
        }
    }

    @Test func aRunThatCannotFitIsRefusedBeforeItBegins() throws {
        try TinyRuns.with { runs in
            let message = sentence {
                try runs.train("run") {
                    $0.model.hiddenSize = 1 << 16
                    $0.model.blocks = 100
                    $0.model.conditionedBlocks = 99
                }
            }
            expectSentence(message, naming: ["GB", "training.batch_size"])
            #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/run"))
        }
    }
}

@Suite struct ScheduleTests {
    @Test func theRateRisesAndFalls() {
        let constant = (0..<6).map { LearningRateSchedule.constant.factor(step: $0, warmup: 4, total: 10) }
        #expect(constant == [0.25, 0.5, 0.75, 1, 1, 1])
        let cosine = [4, 7, 10].map { LearningRateSchedule.cosine.factor(step: $0, warmup: 4, total: 10) }
        #expect(cosine[0] == 1 && abs(cosine[1] - 0.5) < 1e-12 && abs(cosine[2]) < 1e-12)
    }
}

@Suite struct OutlierTests {
    @Test func aGradientFarAboveTheLastOnesIsSkipped() throws {
        var detector = OutlierDetector(threshold: 5)
        // Mean 1.3 and standard deviation 0.2; a slightly larger value is no outlier.
        let usual = (0..<200).map { detector.isOutlier(1 + 0.1 * Double($0 % 7)) }
        #expect(!usual.contains(true))
        let (far, near) = (detector.isOutlier(10), detector.isOutlier(1.9))
        #expect(far && !near)
        #expect(detector.skipped == 1)
        var restored = try JSONDecoder().decode(OutlierDetector.self, from: JSONEncoder().encode(detector))
        restored.threshold = 5
        #expect(restored == detector)
    }

    @Test func nothingIsSkippedBeforeEnoughIsKnownOrWithoutAThreshold() {
        var detector = OutlierDetector(threshold: 5)
        var off = OutlierDetector(threshold: nil)
        let early = (0..<100).map { _ in detector.isOutlier(1) } + [detector.isOutlier(1e9)]
        let never = (0..<200).map { _ in off.isOutlier(1) } + [off.isOutlier(1e9)]
        #expect(!early.contains(true) && !never.contains(true))
    }
}
