import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdDistributed
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// Trains a denoiser or an autoencoder on images, and writes its run directory.
public final class Trainer {
    public var configuration: Configuration { preparation.configuration }
    public let run: RunDirectory
    public internal(set) var state: TrainingState
    let preparation: any TrainingPreparation
    let task: any TrainingTask
    /// The processes that train together.
    let communicator: Communicator
    /// The exchange of gradients between processes; nil for a single process.
    let exchange: GradientExchange?
    let logger: Logger
    /// Keeps other processes from training the run; nil on other ranks than 0.
    private let lock: WorkLock?
    /// The last sentence about `latest` that was logged, which is not repeated at each save.
    var latestProblem: String?
    /// Receives the progress of training, only on rank 0.
    public var onProgress: ProgressHandler = { _ in }

    /// Prepares a run: finds the images, and makes the model or loads a saved step.
    ///
    /// - Parameters:
    ///   - configuration: the configuration of the run; 0 classes stand for the number of classes of the images.
    ///   - resume: whether to continue an existing run.
    ///   - resumedStep: the saved step to continue from; nil for the newest that is whole.
    ///   - allowsOtherAutoencoder: whether to resume in the latents of another autoencoder than the run's.
    ///   - communicator: the processes that train together, each of which makes a trainer. Only rank 0 uses the run
    ///     directory.
    /// - Throws: `PixNerdError` if something is missing or does not fit.
    public init(
        _ configuration: Configuration, resume: Bool, resumedStep: Int? = nil,
        allowsOtherAutoencoder: Bool = false, communicator: Communicator = .alone, logger: Logger
    ) throws {
        self.communicator = communicator
        self.logger = logger
        preparation = try Self.prepared(
            configuration, communicator, allowsOtherAutoencoder: allowsOtherAutoencoder)
        if configuration.threads > 0 { Threads.count = configuration.threads }
        if communicator.isRoot {
            for warning in configuration.objectiveWarnings { logger.warning("\(warning)") }
            if let notice = preparation.configuration.guidanceNotice(asked: configuration) {
                logger.notice("\(notice)")
            }
        }
        let origin = RunOrigin(isResumed: resume, step: resumedStep)
        (run, lock, task, state, exchange) = try Self.begin(preparation, communicator, origin, logger)
        try communicator.agree {
            if communicator.isRoot { try run.writeConfiguration(preparation.configuration) }
        }
    }

    /// Trains to the last step and saves checkpoints.
    ///
    /// - Parameters:
    ///   - shouldStop: called after each step; if it returns true, the run is saved and ends early.
    ///   - shouldSave: called after each step of a run of one process; if it returns true, the run is saved, with previews.
    /// - Returns: whether the run reached its last step.
    /// - Throws: `PixNerdError` or `SharedError` if the run cannot continue; earlier checkpoints stay.
    @discardableResult
    public func train(
        shouldStop: () -> Bool = { false }, shouldSave: () -> Bool = { false }
    ) throws -> Bool {
        try configuration.precision { try trainInPrecision(shouldStop: shouldStop, shouldSave: shouldSave) }
    }

    private func trainInPrecision(shouldStop: () -> Bool, shouldSave: () -> Bool) throws -> Bool {
        let training = configuration.training
        let journal = try communicator.agree {
            communicator.isRoot ? try TrainingJournal(run: run, resumingAt: state.step) : nil
        }
        let (holdout, meter) = (try makeHoldoutMeter(), try makeDistanceMeter())
        let loader = makeLoader()
        defer { loader.stop() }
        let take = task.makeStepper(
            optimizer: state.optimizer, averages: state.averages,
            gradientClip: training.gradientClip > 0 ? Double(training.gradientClip) : nil, exchange: exchange)
        let first = state.step
        var window = MetricsWindow(batchSize: training.batchSize, machineRate: ProductRate.measured())
        var savedStep = state.step
        var forecast = TimeForecast(first: state.step, total: training.steps)
        while state.step < training.steps {
            do {
                try step(take, loader, &window)
            } catch {
                // Other processes wait in the next step. A shared error says that the weights are of no use.
                if savedStep != state.step, communicator.size == 1, !(error is SharedError) { saveBeforeEnd() }
                throw error
            }
            if let seconds = forecast.secondsLeft(afterStep: state.step), communicator.isRoot {
                logger.notice(
                    """
                    the run will take about \(durationText(seconds)) more on \(Machine().processor), judging by its \
                    first steps
                    """)
            }
            let heldOut = window.excluding { measureHoldout(holdout) }
            let distances = window.excluding { measureDistances(meter) }
            let isMeasured = heldOut != nil || distances != nil
            if state.step % training.logEvery == 0 || state.step == training.steps || isMeasured {
                var record = window.record(
                    step: state.step, learningRate: Double(state.optimizer.learningRate),
                    skippedSteps: state.outliers.skipped, waitSeconds: loader.waitSeconds,
                    exchange: exchange?.takeTimes())
                if let heldOut { record.set(heldOut) }
                record.distances = distances
                try keepGoing("the metrics", savesWork: true) { try journal?.write(record) }
                if communicator.isRoot {
                    onProgress(
                        WorkProgress(done: state.step, total: training.steps, first: first, details: record.line))
                }
            }
            let isAsked = communicator.size == 1 && shouldSave()
            if state.step % training.saveEvery == 0 || state.step == training.steps || isAsked {
                let isSaved = try window.excluding { try save(isLast: state.step == training.steps) }
                if isSaved { savedStep = state.step }
            }
            if isAsked || training.previewEvery > 0 && state.step % training.previewEvery == 0 {
                _ = try window.excluding {
                    try keepGoing("the previews", savesWork: true) { try writePreviews(journal) }
                }
            }
            if state.step < training.steps && communicator.any(shouldStop()) { break }
        }
        if savedStep != state.step { _ = try save(isLast: true) }
        reportTroubles(loader)
        return state.step == training.steps
    }

    /// This process's images of a step.
    private var plan: BatchPlan { configuration.plan(communicator) }

    private func makeLoader() -> StepLoader {
        StepLoader(
            preparation.pictures, halves: preparation.halves, buckets: preparation.buckets, plan: plan
        ) { images, buckets, plan in
            BatchLoader(
                collection: images, companions: preparation.companions, buckets: buckets, plan: plan,
                seed: configuration.seed,
                startSample: state.step * plan.step, workers: configuration.data.workers,
                prefetchBatches: configuration.data.prefetchBatches,
                prefetchBytes: configuration.data.prefetchMegabytes << 20,
                transform: ImageTransform(crop: configuration.data.crop, flip: configuration.data.flip),
                decoding: preparation.decoding, saysRemarks: preparation.halves.isEmpty, logger: logger)
        }
    }

    private func step(_ take: TrainingStepper, _ loader: StepLoader, _ window: inout MetricsWindow) throws {
        let training = configuration.training
        let plan = plan
        let loaded = try loader.next()
        state.optimizer.learningRate = Float(
            Double(training.learningRate)
                * training.schedule.factor(step: state.step, warmup: training.warmupSteps, total: training.steps))
        state.setDecays(training)
        var outliers = state.outliers
        do {
            var result = try take(loaded, plan, state.step) { outliers.isOutlier($0) }
            result.times = result.times.map { communicator.gather(numbers: $0).flatMap { $0 } }
            window.add(result)
        } catch let error as NotFiniteError {
            // All processes throw it, since their gradients are the same.
            let failure = failure(
                .notFinite, "step \(error.step):", found: "\(error.found)",
                advice: "decrease the learning rate or clip gradients")
            throw SharedError(failure.description)
        }
        state.outliers = outliers
        state.step += 1
    }

    private func reportTroubles(_ loader: StepLoader) {
        if loader.skippedCount > 0 { logger.warning("\(loader.skippedCount) unreadable images were skipped") }
        if communicator.isRoot && state.outliers.skipped > 0 {
            logger.warning("\(state.outliers.skipped) steps were skipped because of their gradient norm")
        }
    }
}
