import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdDistributed
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// Where a run begins: anew, or at a saved step.
struct RunOrigin {
    let isResumed: Bool
    /// The saved step to go on from; nil for the newest that is whole.
    let step: Int?
}

extension Trainer {
    /// Opens or creates the run's directory, and makes model, state and gradient exchange.
    ///
    /// Only rank 0 reads the directory; it sends weights and state to the other ranks.
    static func begin(
        _ preparation: any TrainingPreparation, _ communicator: Communicator, _ origin: RunOrigin, _ logger: Logger
    ) throws -> (RunDirectory, WorkLock?, any TrainingTask, TrainingState, GradientExchange?) {
        let configuration = preparation.configuration
        let (run, lock, task, saved) = try communicator.agree { () throws -> OpenedRun in
            guard communicator.isRoot else {
                return (RunDirectory(existing: configuration.runPath), nil, try preparation.begin(), nil)
            }
            return try opened(preparation, origin, logger)
        }
        let goesOn = communicator.any(saved != nil)
        let exchange =
            communicator.size > 1
            ? GradientExchange(
                task.trained + task.companions, over: communicator,
                sharesUpdate: configuration.training.sharesOptimizer) : nil
        exchange?.broadcastWeights()
        task.apply()
        let state =
            goesOn
            ? try TrainingState(resuming: saved, task, configuration, exchange)
            : TrainingState(fresh: task, configuration, exchange)
        // Frees memory of the preparation, because steps need blocks of other sizes.
        MemoryPool.shared.releaseKept()
        return (run, lock, task, state, exchange)
    }

    /// A run's directory and lock, its task, and the state to go on from; nil for a run from the beginning.
    private typealias OpenedRun = (RunDirectory, WorkLock?, any TrainingTask, TrainingState.Saved?)

    /// Opens or creates a run's directory, and loads a saved step if the run is resumed.
    private static func opened(
        _ preparation: any TrainingPreparation, _ origin: RunOrigin, _ logger: Logger
    ) throws -> OpenedRun {
        let configuration = preparation.configuration
        let path = configuration.runPath
        guard origin.isResumed else {
            let task = try preparation.begin()
            let (run, lock) = try RunDirectory.begin(path) { logger.warning("\($0)") }
            return (run, lock, task, nil)
        }
        let run = RunDirectory(existing: path)
        guard FileManager.default.fileExists(atPath: run.configurationPath) || !run.savedSteps.isEmpty else {
            throw PixNerdError(
                .notFound, "\(path)", found: "is not a run to resume", advice: "start it without \(Setting.resume)")
        }
        let lock = try run.lock { logger.warning("\($0)") }
        run.removeUnfinished()
        // Object storage and archives leave empty folders out.
        try makeFolder(run.previewsPath)
        if let done = try run.settleLatest(stepOf: { try? TrainingRecord(step: $0).step }) {
            logger.warning("\(done)")
        }
        guard let resumed = try ResumedStep(run, asked: origin.step, preparation) else {
            logger.notice("\(path) has no saved step yet; starting from the beginning")
            try run.setAsideAverages(after: 0)
            return (run, lock, try preparation.begin(), nil)
        }
        try reportChanges(run, configuration, logger)
        try resumed.leaveNewerSteps(run, logger)
        return (run, lock, resumed.task, resumed.saved)
    }

    /// Logs which values differ from those of the run so far, and whether they affect training.
    private static func reportChanges(
        _ run: RunDirectory, _ configuration: Configuration, _ logger: Logger
    ) throws {
        guard FileManager.default.fileExists(atPath: run.configurationPath) else { return }
        let earlier = try Configuration(yaml: run.configurationPath)
        for change in configuration.differences(from: earlier) {
            let values = "\(change.key.name) changed from \(change.other) to \(change.own)"
            if change.key.changesTraining(configuration) {
                logger.warning("\(values); results will differ from the original run")
            } else {
                logger.notice("\(values); this does not affect training")
            }
        }
    }
}
