import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSampling
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs of models of few steps: students of a teacher, and MeanFlow.
@Suite struct FewStepTrainingTests {
    private static let methods: [Configuration.FewStepsSection.Method] = [.guidance, .split, .meanFlow, .improved]

    /// Makes a configuration one of few steps, with the run `teacher` as its teacher.
    private func change(
        _ method: Configuration.FewStepsSection.Method, _ runs: TinyRuns
    ) -> (inout Configuration) -> Void {
        { configuration in
            configuration.fewSteps.method = method
            if method.needsTeacher { configuration.fewSteps.teacher = "\(runs.directory)/teacher" }
        }
    }

    @Test(arguments: methods)
    func aStoppedRunResumesToTheBit(method: Configuration.FewStepsSection.Method) throws {
        try TinyRuns.with { runs in
            try runs.train("teacher")
            let teacher = try runs.files(RunDirectory(existing: "\(runs.directory)/teacher"))
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 4) {
                change(method, runs)(&$0)
                $0.training.accumulate = 2
            }
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let metrics = try runs.metrics(whole)
            #expect(metrics.allSatisfy { $0.loss.isFinite && $0.lossByTime != nil })
            // MeanFlow's loss is 1 whatever happens, so the error is logged, too.
            #expect(metrics.allSatisfy { ($0.flow != nil) == !method.needsTeacher })
            #expect(method.needsTeacher || metrics.allSatisfy { abs($0.loss - 1) < 0.01 })
            #expect(try runs.files(RunDirectory(existing: "\(runs.directory)/teacher")) == teacher)
        }
    }

    @Test(arguments: [Prediction.Target.picture, .asymmetric])
    func otherTargetsHaveStudents(target: Prediction.Target) throws {
        try TinyRuns.with { runs in
            let predict: (inout Configuration) -> Void = {
                $0.training.target = target
                $0.training.noiseRank = 4
                $0.training.noiseScale = 2
            }
            try runs.train("teacher", predict)
            for method in Self.methods {
                let run = try runs.train(method.rawValue) {
                    predict(&$0)
                    change(method, runs)(&$0)
                }.run
                #expect(try runs.metrics(run).allSatisfy { $0.loss.isFinite })
                let checkpoint = try DenoiserCheckpoint(path: run.path)
                #expect(try checkpoint.prediction(of: checkpoint.architecture(.raw)).target == target)
            }
        }
    }

    /// A student begins as its teacher: without guidance it gives the same velocity, whatever it is told.
    @Test(arguments: [Configuration.FewStepsSection.Method.guidance, .split])
    func aStudentBeginsWithTheWeightsOfItsTeacher(method: Configuration.FewStepsSection.Method) throws {
        try TinyRuns.with { runs in
            try runs.train("teacher")
            let student = try runs.train("student") {
                change(method, runs)(&$0)
                $0.training.learningRate = 0
            }.run
            let teacher = try DenoiserCheckpoint(path: "\(runs.directory)/teacher").load(.ema)
            let model = try DenoiserCheckpoint(path: student.path).load(.raw)
            let others = Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.value.values) })
            for parameter in teacher.parameters { #expect(others[parameter.name] == parameter.value.values) }
            #expect(model.parameters.count == teacher.parameters.count + 4)
            let x = FlowPath.point(
                data: randomPictures(1), noise: randomPictures(2), times: [0.2, 0.7])
            let condition = ClassCondition([0, 3])
            let numbers =
                method == .guidance ? ModelNumbers(strength: [1, 6]) : ModelNumbers(interval: [0.4, 0.1])
            #expect(
                model.velocity(x, times: [0.2, 0.7], condition: condition.telling(numbers)).values
                    == teacher.velocity(x, times: [0.2, 0.7], condition: condition).values)
        }
    }

    /// Without guidance a student has nothing to learn; with guidance its loss falls, unless steps are so long that they
    /// lead away from its teacher.
    @Test func theLossOfGuidanceFalls() throws {
        try TinyRuns.with { runs in
            try runs.train("teacher") {
                $0.training.steps = 300
                $0.training.saveEvery = 300
                $0.training.learningRate = 3e-3
                $0.training.labelDropout = 0.3
            }
            func loss(_ name: String, rate: Float, dropout: Float = 0.1) throws -> Double {
                let run = try runs.train(name) {
                    change(.guidance, runs)(&$0)
                    $0.training.steps = 300
                    $0.training.saveEvery = 300
                    $0.training.logEvery = 100
                    $0.training.batchSize = 16
                    $0.training.schedule = .cosine
                    $0.training.labelDropout = dropout
                    $0.training.learningRate = rate
                }.run
                return try #require(try runs.metrics(run).last).loss
            }
            // Products of different batches may round differently.
            #expect(try loss("unguided", rate: 0, dropout: 1) < 1e-9)
            // From the same draws, so that only what was learned differs.
            let (guided, still) = (try loss("guided", rate: 1e-3), try loss("still", rate: 0))
            #expect(guided < 0.9 * still, "\(guided) against \(still)")
        }
    }

    @Test func studentsOfStudentsJumpUnderGuidance() throws {
        try TinyRuns.with { runs in
            try runs.train("teacher")
            let guided = try runs.train("guided", change(.guidance, runs)).run
            #expect(try DenoiserCheckpoint(path: guided.path).largestScale == 8)
            let jumps = try runs.train("jumps") {
                $0.fewSteps.method = .split
                $0.fewSteps.teacher = "\(guided.path)@6"
                $0.training.previewEvery = 6
            }.run
            let checkpoint = try DenoiserCheckpoint(path: jumps.path)
            #expect(try checkpoint.architecture(.ema).numbers == [.interval, .strength])
            #expect(checkpoint.largestScale == 8)
            let names = try FileManager.default.contentsOfDirectory(atPath: jumps.previewsPath)
            #expect(names.count == 2)
            var options = SamplingOptions()
            options.steps = 2
            let sampling = try CheckpointSampling(path: jumps.path, options)
            #expect(sampling.settings.sampler == .jumps && sampling.settings.guidance.rule == .told)
            expectSentence(
                sentence {
                    _ = try runs.train("more") {
                        $0.fewSteps.method = .guidance
                        $0.fewSteps.teacher = guided.path
                    }
                }, naming: ["few_steps.teacher", "told its guidance already", "split"])
            expectSentence(
                sentence {
                    _ = try runs.train("more") {
                        $0.fewSteps.method = .split
                        $0.fewSteps.teacher = jumps.path
                    }
                }, naming: ["few_steps.teacher", "jumps already"])
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try TinyRuns.with { runs in
            try runs.train("teacher")
            try runs.train("dropless") { $0.training.labelDropout = 0 }
            func refuse(
                _ method: Configuration.FewStepsSection.Method, _ needed: [String],
                _ more: @escaping (inout Configuration) -> Void
            ) {
                let text = sentence {
                    _ = try runs.train("refused") {
                        change(method, runs)(&$0)
                        more(&$0)
                    }
                }
                expectSentence(text, naming: needed)
                #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/refused"))
            }
            refuse(.guidance, ["few_steps.teacher is not set", "guidance"]) { $0.fewSteps.teacher = "" }
            refuse(.meanFlow, ["few_steps.teacher", "meanflow"]) { $0.fewSteps.teacher = "a" }
            refuse(.none, ["few_steps.velocity_share", "none"]) { $0.fewSteps.velocityShare = 0.75 }
            refuse(.split, ["few_steps.guidance_max", "split"]) { $0.fewSteps.guidanceMax = 3 }
            refuse(.guidance, ["few_steps.velocity_share", "guidance"]) { $0.fewSteps.velocityShare = 0.1 }
            refuse(.guidance, ["sampling.guidance is 9", "from 1 to 8"]) { $0.sampling.guidance = 9 }
            refuse(.split, ["training.frequency_weight", "split"]) { $0.training.frequencyWeight = 1 }
            refuse(.improved, ["dispersive.weight", "improved"]) {
                ($0.dispersive.weight, $0.dispersive.layer) = (0.5, 1)
            }
            refuse(.meanFlow, ["training.field_sizes", "one density"]) { $0.training.fieldSizes = [24] }
            refuse(.guidance, ["few_steps.teacher", "another architecture"]) { $0.model.heads = 4 }
            refuse(.guidance, ["few_steps.teacher", "picture"]) { $0.training.target = .picture }
            refuse(.split, ["few_steps.teacher", "16 pixels", "32"]) { $0.data.imageSize = 32 }
            refuse(.guidance, ["label_dropout 0", "split"]) { $0.fewSteps.teacher = "\(runs.directory)/dropless" }
        }
    }

    @Test func aRunGoesOnWithItsOwnTeacherOnly() throws {
        try TinyRuns.with { runs in
            try runs.train("teacher")
            try runs.train("student", stopAfter: 3, change(.split, runs))
            let text = sentence {
                _ = try runs.train("student", resume: true) {
                    change(.split, runs)(&$0)
                    $0.fewSteps.teacher += "@3"
                }
            }
            expectSentence(text, naming: ["student/step-0000003", "other weights", "few_steps.teacher"])
        }
    }
}

private func randomPictures(_ seed: UInt64) -> Tensor {
    Tensor.normal([2, 3, 16, 16]) { RandomStream(seed: seed, purpose: .test, index: $0) }
}
