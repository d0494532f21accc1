import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Errors of a run are reported in one sentence, and checkpoints stay.
@Suite struct TrainerTroubleTests {
    @Test func corruptPicturesAreSkippedAndNamed() throws {
        try TinyRuns.with { runs in
            let corrupt = ["circle/00002.png", "ring/00001.png", "star/00004.png"].map { "\(runs.pictures)/\($0)" }
            for path in corrupt {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                try bytes.prefix(60).write(to: URL(fileURLWithPath: path))
            }
            // Nine batches of four cover all 32 images.
            let outcome = try runs.train("run") { $0.training.steps = 9 }
            #expect(outcome.isFinished)
            for path in corrupt {
                let lines = outcome.log.filter { $0.contains(path) }
                #expect(lines.count == 1 && lines[0].hasPrefix("warning: "), "\(path)")
            }
            #expect(outcome.log.last == "warning: 3 unreadable images were skipped")
            #expect(outcome.log.count == 4)
        }
    }

    @Test func aFolderWithoutReadablePicturesEndsTheRun() throws {
        try withTemporaryDirectory { directory in
            let runs = TinyRuns(directory: directory)
            try FileManager.default.createDirectory(atPath: "\(runs.pictures)/a", withIntermediateDirectories: true)
            try "text".write(toFile: "\(runs.pictures)/a/1.png", atomically: false, encoding: .utf8)
            expectSentence(sentence { try runs.train("run") }, naming: ["None of the 1 picture", runs.pictures])
        }
    }

    @Test func numbersThatAreNotFiniteEndTheRunAfterTheLastGoodStep() throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 2)
            let message = sentence {
                try runs.train("run", resume: true) {
                    $0.training.learningRate = 1e30
                    $0.training.saveEvery = 1
                    $0.training.previewEvery = 1
                }
            }
            let run = RunDirectory(existing: "\(runs.directory)/run")
            expectSentence(message, naming: ["step 3", ".weight", "not finite", "learning rate", run.stepPath(2)])
            #expect(run.savedSteps == [2], "what cannot be trained on is not saved")
            let checkpoint = try DenoiserCheckpoint(path: run.path)
            for kind in WeightKind.allCases {
                #expect(try checkpoint.load(kind).parameters.allSatisfy { $0.value.isFinite })
            }
            // With the original learning rate the run can be resumed.
            #expect(try runs.train("run", resume: true).isFinished)
        }
    }

    @Test func aRunThatBreaksBetweenSavesNamesTheStepAndTheTensor() throws {
        try TinyRuns.with { runs in
            let message = sentence { try runs.train("run") { $0.training.learningRate = 1e30 } }
            expectSentence(message, naming: ["step 2", ".weight", "not finite"])
            #expect(RunDirectory(existing: "\(runs.directory)/run").savedSteps == [])
        }
    }

    @Test func resumingWithOtherValuesWarnsAboutEach() throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 2)
            let outcome = try runs.train("run", resume: true) {
                $0.training.learningRate = 5e-4
                $0.data.workers = 2
            }
            #expect(outcome.isFinished)
            #expect(
                outcome.log == [
                    "notice: data.workers changed from 1 to 2; this does not affect training",
                    "warning: training.learning_rate changed from 0.001 to 0.0005; "
                        + "results will differ from the original run",
                ])
            // The second time nothing has changed.
            let again = try runs.train("run", resume: true) {
                $0.training.learningRate = 5e-4
                $0.data.workers = 2
            }
            #expect(again.log == [])
        }
    }

    @Test func anotherModelCannotBeResumed() throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 1)
            let message = sentence { try runs.train("run", resume: true) { $0.model.hiddenSize = 32 } }
            expectSentence(message, naming: ["\(runs.directory)/run/step-0000001", "other sizes"])
        }
    }

    @Test func aRunThatIsThereIsNotWrittenOver() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 3).run
            let before = try runs.files(run, step: 3)
            expectSentence(sentence { try runs.train("run") { $0.seed = 1 } }, naming: [run.path, "resume"])
            expectSame(before, try runs.files(run, step: 3))
            #expect(try Configuration(yaml: run.configurationPath).seed == 11)
        }
    }

    @Test func aRunThatIsNotThereCannotBeResumed() throws {
        try TinyRuns.with { runs in
            let message = sentence { try runs.train("run", resume: true) }
            expectSentence(message, naming: ["\(runs.directory)/run", "without resume"])
            #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/run"))
        }
    }

    @Test func aRunWithoutASavedStepBeginsAnew() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run").run
            for step in run.savedSteps { try FileManager.default.removeItem(atPath: run.stepPath(step)) }
            let outcome = try runs.train("run", resume: true)
            #expect(outcome.log == ["notice: \(run.path) has no saved step yet; starting from the beginning"])
            #expect(try runs.metrics(run).map(\.step) == [1, 2, 3, 4, 5, 6])
            expectSame(try runs.files(run), try runs.files(runs.train("whole").run))
        }
    }

    @Test(arguments: [
        ("state.json", "{\"step\":"), ("state.json", "{\"step\":-3,\"samples\":0,\"seed\":1}"), ("state.json", "[]"),
        ("denoiser.safetensors", "text"), ("ema.safetensors", ""), ("optimizer.safetensors", "{}"),
    ])
    func aDamagedFileOfAStepIsNamed(name: String, content: String) throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 1).run
            try content.write(toFile: "\(run.stepPath(1))/\(name)", atomically: true, encoding: .utf8)
            expectSentence(sentence { try runs.train("run", resume: true) }, naming: ["\(run.stepPath(1))/\(name)"])
        }
    }

    @Test(arguments: ["state.json", "denoiser.safetensors", "ema.safetensors", "optimizer.safetensors"])
    func aMissingFileOfAStepIsNamed(name: String) throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 1).run
            try FileManager.default.removeItem(atPath: "\(run.stepPath(1))/\(name)")
            expectSentence(sentence { try runs.train("run", resume: true) }, naming: [run.stepPath(1)])
        }
    }

    @Test func aMissingMomentIsNamed() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 1).run
            let path = "\(run.stepPath(1))/optimizer.safetensors"
            let name = "second_moment.blocks.1.mlp.w2.weight"
            try writeCopy(of: SafetensorsFile(path: path), to: path, without: [name])
            expectSentence(sentence { try runs.train("run", resume: true) }, naming: [path, name])
        }
    }

    @Test func impossibleConfigurationsMakeNoRun() throws {
        try TinyRuns.with { runs in
            let changes: [(names: [String], change: (inout Configuration) -> Void)] = [
                (["data.root"], { $0.data.root = "" }), (["nowhere"], { $0.data.root = "nowhere" }),
                (["data.image_size is 18", "20"], { $0.data.imageSize = 18 }),
                (["model.num_classes is 7", "8 classes"], { $0.model.classes = 7 }),
                (["hidden_size 20"], { $0.model.hiddenSize = 20 }),
                (["num_cond_blocks is 3"], { $0.model.conditionedBlocks = 3 }),
            ]
            for (names, change) in changes {
                expectSentence(sentence { try runs.train("run", change) }, naming: names)
                #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/run"))
            }
        }
    }
}
