import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdDistributed
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

extension Trainer {
    /// Finds and checks everything that a run needs, and does nothing else.
    ///
    /// - Throws: one sentence where something of it cannot be had.
    public static func check(_ configuration: Configuration) throws {
        _ = try prepared(configuration, .alone, allowsOtherAutoencoder: false)
    }

    /// The same on every process; where one cannot have something, all of them end.
    static func prepared(
        _ configuration: Configuration, _ communicator: Communicator, allowsOtherAutoencoder: Bool
    ) throws -> any TrainingPreparation {
        try communicator.expectSame(
            "configuration", configuration.yaml, advice: "give all ranks the same file and --set"
        ) { root in
            try configuration.differences(from: Configuration(text: root, origin: "rank 0")).map {
                "\($0.key.name) is \($0.own), there \($0.other)"
            }.first ?? ""
        }
        let preparation = try communicator.agree {
            let preparation = try prepared(configuration, allowsOtherAutoencoder: allowsOtherAutoencoder)
            try configuration.precision.check()
            try checkRanks(preparation, communicator)
            return preparation
        }
        var pictures = Fingerprint()
        for sample in preparation.pictures.samples { pictures.add("\(sample.name) \(sample.label)") }
        try communicator.expectSame(
            "list of pictures", pictures.text, advice: "let data.root be the same pictures on all machines")
        return preparation
    }

    /// That a step has work, and each machine memory, for all ranks.
    private static func checkRanks(_ preparation: any TrainingPreparation, _ communicator: Communicator) throws {
        let (training, ranks) = (preparation.configuration.training, communicator.size)
        guard training.batchSize >= ranks else {
            throw ConfigurationError(
                "training.batch_size is \(training.batchSize), which is less than the \(ranks) ranks; start fewer, or raise "
                    + "it.")
        }
        let (needed, available) = (
            memory(preparation, communicator).total * communicator.localSize, MemoryEstimate.available
        )
        guard needed < available else {
            let who = ranks > 1 ? "The \(communicator.localSize) ranks of this machine need" : "The run needs"
            let others = ranks > 1 ? "start fewer on it, set training.shard_optimizer to true, " : ""
            throw ConfigurationError(
                "\(who) about \(gigabytes(needed)), and there are \(gigabytes(available)); \(others)lower "
                    + "training.batch_size, raise training.accumulate, or set training.recompute to true.")
        }
    }

    /// What each process will need.
    private static func memory(
        _ preparation: any TrainingPreparation, _ communicator: Communicator
    ) -> MemoryEstimate {
        var memory = preparation.memory
        let training = preparation.configuration.training
        if training.sharesOptimizer { memory.shareUpdate(by: communicator.size) }
        if preparation.configuration.precision == .bf16 {
            // The most that any of them takes; shares may differ by a picture, and passes with them (`Configuration.plan`).
            let passes = (training.accumulate + communicator.size - 1) / communicator.size
            memory.roundFactors(passes: passes, ranks: communicator.size)
        }
        return memory
    }

    /// Finds and checks everything that can be had before any work is done.
    private static func prepared(
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
        return preparation
    }

    /// The directory, the model and the state that a run begins with, and what joins its processes.
    ///
    /// Rank 0 alone sees the directory, and brings to all others what the run begins with.
    static func begin(
        _ preparation: any TrainingPreparation, _ communicator: Communicator, resume: Bool, _ logger: Logger
    ) throws -> (RunDirectory, any TrainingTask, TrainingState, GradientExchange?) {
        let configuration = preparation.configuration
        let (run, task, saved) = try communicator.agree {
            guard communicator.isRoot else {
                return (
                    RunDirectory(existing: configuration.runPath), try preparation.begin(), nil as TrainingState.Saved?
                )
            }
            return try opened(preparation, resume: resume, logger)
        }
        let goesOn = communicator.any(saved != nil)
        let exchange =
            communicator.size > 1
            ? GradientExchange(
                task.parameters + task.companions, over: communicator,
                sharesUpdate: configuration.training.sharesOptimizer) : nil
        exchange?.broadcastWeights()
        let state =
            goesOn
            ? try TrainingState(resuming: saved, task, configuration, exchange)
            : TrainingState(fresh: task, configuration, exchange)
        // What the beginning took for a while is not kept for steps that never ask for such blocks.
        MemoryPool.shared.releaseKept()
        return (run, task, state, exchange)
    }

    /// The directory and the model of a run, and the latest saved step where it goes on.
    private static func opened(
        _ preparation: any TrainingPreparation, resume: Bool, _ logger: Logger
    ) throws -> (RunDirectory, any TrainingTask, TrainingState.Saved?) {
        let configuration = preparation.configuration
        guard resume else {
            let task = try preparation.begin()
            return (try RunDirectory.create(configuration.runPath), task, nil)
        }
        let run = RunDirectory(existing: configuration.runPath)
        run.removeUnfinished()
        guard let step = run.savedSteps.last else {
            guard FileManager.default.fileExists(atPath: run.configurationPath) else {
                throw TrainingError("There is no run \(run.path) to resume; start it without --resume.")
            }
            logger.notice("\(run.path) has no saved step yet; its run begins anew.")
            return (run, try preparation.begin(), nil)
        }
        let (task, saved) = try TrainingState.Saved.load(run.stepPath(step), preparation)
        try reportChanges(run, configuration, logger)
        return (run, task, saved)
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
                ("memory", memoryText),
            ] + (communicator.size > 1 ? [("ranks", ranksText)] : [])
        return lines.map { $0.0.padding(toLength: 11, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
    }
}

extension Trainer {
    private var memoryText: String {
        let memory = Self.memory(preparation, communicator)
        let each = communicator.size > 1 ? " a rank" : ""
        return "about \(gigabytes(memory.total))\(each) of \(gigabytes(MemoryEstimate.available))"
    }

    private var ranksText: String {
        let hosts = Set(communicator.hosts).count
        return "\(communicator.size) on \(hosts == 1 ? "this machine" : "\(hosts) machines")"
            + (configuration.training.sharesOptimizer ? ", sharing the optimiser's state" : "")
    }
}

extension Configuration {
    /// The pictures of a step that a process takes, and in how many passes.
    func plan(_ communicator: Communicator) -> BatchPlan {
        BatchPlan(
            step: training.batchSize, most: training.batchSize / training.accumulate, rank: communicator.rank,
            ranks: communicator.size)
    }
}

/// Such as "3.4 GB".
private func gigabytes(_ bytes: Int) -> String { String(format: "%.1f GB", Double(bytes) / 1e9) }
