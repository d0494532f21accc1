import Foundation
import InMemoryLogging
import Logging
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs of a model of a few thousand parameters on images of shapes, in the directory of one test.
struct TinyRuns {
    let directory: String
    var pictures: String { "\(directory)/pictures" }

    /// The result of a run.
    struct Outcome {
        let run: RunDirectory
        let step: Int
        let isFinished: Bool
        /// Log lines, such as "warning: ...".
        let log: [String]
    }

    /// Makes eight classes of four 16 x 16 images.
    static func with<R>(_ body: (TinyRuns) throws -> R) throws -> R {
        try withTemporaryDirectory { directory in
            let runs = TinyRuns(directory: directory)
            try ShapesDataset.write(to: runs.pictures, imagesPerClass: 4, size: 16, seed: 5)
            return try body(runs)
        }
    }

    /// A configuration with six steps of four images, and a checkpoint every third step.
    func configuration(_ name: String) -> Configuration {
        var configuration = Configuration()
        configuration.name = name
        configuration.directory = directory
        configuration.seed = 11
        configuration.model.hiddenSize = 16
        configuration.model.heads = 2
        configuration.model.blocks = 3
        configuration.model.conditionedBlocks = 2
        configuration.model.fieldWidth = 8
        configuration.data.root = pictures
        configuration.data.imageSize = 16
        configuration.training.steps = 6
        configuration.training.batchSize = 4
        configuration.training.learningRate = 1e-3
        configuration.training.logEvery = 1
        configuration.training.saveEvery = 3
        configuration.training.previewEvery = 0
        configuration.sampling.steps = 2
        configuration.sampling.classes = 3
        configuration.sampling.perClass = 2
        return configuration
    }

    /// Trains a run.
    ///
    /// - Parameters:
    ///   - resumedStep: the saved step to resume from; nil for the newest.
    ///   - allowsOtherAutoencoder: whether to resume with another autoencoder.
    ///   - stopAfter: the step after which the run stops.
    ///   - change: changes the configuration.
    ///   - afterStep: called after each step.
    @discardableResult
    func train(
        _ name: String, resume: Bool = false, resumedStep: Int? = nil, allowsOtherAutoencoder: Bool = false,
        stopAfter: Int? = nil,
        _ change: (inout Configuration) -> Void = { _ in }, afterStep: (RunDirectory, Int) -> Void = { _, _ in }
    ) throws -> Outcome {
        var configuration = configuration(name)
        change(&configuration)
        let handler = InMemoryLogHandler()
        let trainer = try Trainer(
            configuration, resume: resume, resumedStep: resumedStep, allowsOtherAutoencoder: allowsOtherAutoencoder,
            logger: Logger(label: "test") { _ in handler })
        let isFinished = try trainer.train(shouldStop: {
            afterStep(trainer.run, trainer.state.step)
            return trainer.state.step == stopAfter
        })
        return Outcome(
            run: trainer.run, step: trainer.state.step, isFinished: isFinished,
            log: handler.entries.map { "\($0.level): \($0.message)" })
    }

    /// A run that went through, and one with the same configuration that was stopped after a step and resumed.
    func wholeAndResumed(
        stopAfter step: Int, _ change: (inout Configuration) -> Void, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> (whole: RunDirectory, resumed: Outcome) {
        let whole = try train("whole", change).run
        #expect(try !train("stopped", stopAfter: step, change).isFinished, sourceLocation: sourceLocation)
        let resumed = try train("stopped", resume: true, change)
        #expect(resumed.isFinished, sourceLocation: sourceLocation)
        return (whole, resumed)
    }

    /// The sentence that refuses a run which would begin with another.
    func refusal(from other: RunDirectory, _ change: (inout Configuration) -> Void) -> String {
        sentence {
            try train("other") {
                $0.from = other.path
                change(&$0)
            }
        }
    }

    /// Contents of a checkpoint's files, by name.
    func files(_ run: RunDirectory, step: Int = 6) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: run.stepPath(step)) {
            // A video autoencoder has the configuration of its image autoencoder in a folder.
            guard name != "spatial" else { continue }
            files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(run.stepPath(step))/\(name)"))
        }
        return files
    }

    /// The lines of `metrics.jsonl`.
    func metrics(_ run: RunDirectory) throws -> [MetricsRecord] {
        try String(contentsOfFile: run.metricsPath, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(MetricsRecord.self, from: Data($0.utf8))
        }
    }
}

extension TinyRuns {
    /// The lines of `metrics.jsonl` that have a loss of held-out images.
    func heldOut(_ run: RunDirectory) throws -> [MetricsRecord] {
        try metrics(run).filter { $0.holdoutLoss != nil }
    }
}

/// Holds out an eighth of the images, one of each second class, and measures them after every second step.
func holdOutEighth(_ configuration: inout Configuration) {
    configuration.data.holdout = 0.125
    configuration.training.holdoutEvery = 2
    configuration.training.holdoutImages = 20
}

/// Fails unless two runs saved the same bytes, in the usual files and the given ones.
func expectSame(
    _ files: [String: Data], _ others: [String: Data], besides: Set<String> = [],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let usual = Set(["denoiser.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"])
    #expect(Set(files.keys) == usual.union(besides), sourceLocation: sourceLocation)
    #expect(files.keys == others.keys, sourceLocation: sourceLocation)
    for (name, bytes) in files {
        #expect(bytes == others[name], "\(name)", sourceLocation: sourceLocation)
    }
}
