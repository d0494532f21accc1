import Foundation
import Images
import Logging
import Models
import Tensors

extension Trainer {
    /// Finds and checks everything that a run needs, and does nothing else.
    ///
    /// - Throws: one sentence where something of it cannot be had.
    public static func check(_ configuration: Configuration) throws {
        _ = try prepared(configuration, allowsOtherAutoencoder: false)
    }

    /// Finds and checks everything that can be had before any work is done.
    static func prepared(
        _ configuration: Configuration, allowsOtherAutoencoder: Bool
    ) throws -> any TrainingPreparation {
        guard !configuration.data.root.isEmpty else {
            throw ConfigurationError(
                "data.root is not set; name a folder with a folder of pictures for each class, "
                    + "such as --set data.root=datasets/shapes.")
        }
        let training = configuration.training
        guard training.batchSize % training.accumulate == 0 else {
            throw ConfigurationError(
                "training.batch_size \(training.batchSize) is not a multiple of training.accumulate "
                    + "\(training.accumulate); make it one.")
        }
        let preparation: any TrainingPreparation =
            switch configuration.kind {
            case .denoiser:
                try DenoiserPreparation(configuration, allowsOtherAutoencoder: allowsOtherAutoencoder)
            case .autoencoder: try AutoencoderPreparation(configuration)
            }
        guard preparation.memory.total < MemoryEstimate.available else {
            throw ConfigurationError(
                "The run needs about \(gigabytes(preparation.memory.total)), and there are "
                    + "\(gigabytes(MemoryEstimate.available)); lower training.batch_size, raise training.accumulate, "
                    + "or set training.recompute to true.")
        }
        return preparation
    }

    /// The directory, the model and the state that a run begins with.
    static func begin(
        _ preparation: any TrainingPreparation, resume: Bool, _ logger: Logger
    ) throws -> (RunDirectory, any TrainingTask, TrainingState) {
        let configuration = preparation.configuration
        func fresh(_ run: () throws -> RunDirectory) throws -> (RunDirectory, any TrainingTask, TrainingState) {
            let task = try preparation.begin()
            return (try run(), task, TrainingState(fresh: task, configuration))
        }
        guard resume else { return try fresh { try RunDirectory.create(configuration.runPath) } }
        let run = RunDirectory(existing: configuration.runPath)
        run.removeUnfinished()
        guard let step = run.savedSteps.last else {
            guard FileManager.default.fileExists(atPath: run.configurationPath) else {
                throw TrainingError("There is no run \(run.path) to resume; start it without --resume.")
            }
            logger.notice("\(run.path) has no saved step yet; its run begins anew.")
            return try fresh { run }
        }
        let (task, state) = try TrainingState.load(run.stepPath(step), preparation)
        try reportChanges(run, configuration, logger)
        return (run, task, state)
    }

    /// Says which values differ from those of the run so far, and which of them matter.
    private static func reportChanges(
        _ run: RunDirectory, _ configuration: Configuration, _ logger: Logger
    ) throws {
        guard FileManager.default.fileExists(atPath: run.configurationPath) else { return }
        let earlier = try Configuration(yaml: run.configurationPath)
        for change in configuration.differences(from: earlier) {
            let values = "\(change.key.name) is \(change.own), and was \(change.other) before"
            if change.key.changesTraining(configuration) {
                logger.warning("\(values): the run is another one from here on")
            } else {
                logger.notice("\(values): this does not change what is learned")
            }
        }
    }

    /// What the run is, in a few lines for a person.
    public var summary: String {
        let training = configuration.training
        let lines =
            [("run", run.path + (state.step > 0 ? " from step \(state.step)" : ""))] + preparation.description + [
                (
                    "training",
                    "to step \(training.steps), \(training.batchSize) pictures a step, \(Threads.count) threads"
                        + (configuration.precision == .bf16 ? ", products in bf16" : "")
                ),
                (
                    "memory",
                    "about \(gigabytes(preparation.memory.total)) of \(gigabytes(MemoryEstimate.available))"
                ),
            ]
        return lines.map { $0.0.padding(toLength: 11, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
    }
}

/// Such as "3.4 GB".
private func gigabytes(_ bytes: Int) -> String { String(format: "%.1f GB", Double(bytes) / 1e9) }
