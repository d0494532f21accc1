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
    public private(set) var state: TrainingState
    let preparation: any TrainingPreparation
    let task: any TrainingTask
    /// The processes that train together.
    let communicator: Communicator
    /// The exchange of gradients between processes; nil for a single process.
    let exchange: GradientExchange?
    private let logger: Logger
    /// Receives the progress of training, only on rank 0.
    public var onProgress: ProgressHandler = { _ in }

    /// Prepares a run: finds the images, and makes the model or loads the latest checkpoint.
    ///
    /// - Parameters:
    ///   - configuration: the configuration of the run; 0 classes stand for the number of classes of the images.
    ///   - resume: whether to continue an existing run.
    ///   - allowsOtherAutoencoder: whether to resume in the latents of another autoencoder than the run's.
    ///   - communicator: the processes that train together, each of which makes a trainer. Only rank 0 uses the run
    ///     directory.
    /// - Throws: `PixNerdError` if something is missing or does not fit.
    public init(
        _ configuration: Configuration, resume: Bool, allowsOtherAutoencoder: Bool = false,
        communicator: Communicator = .alone, logger: Logger
    ) throws {
        self.communicator = communicator
        self.logger = logger
        preparation = try Self.prepared(
            configuration, communicator, allowsOtherAutoencoder: allowsOtherAutoencoder)
        if configuration.threads > 0 { Threads.count = configuration.threads }
        (run, task, state, exchange) = try Self.begin(preparation, communicator, resume: resume, logger)
        try communicator.agree {
            if communicator.isRoot { try run.writeConfiguration(preparation.configuration) }
        }
    }

    /// Trains to the last step and saves checkpoints.
    ///
    /// - Parameter shouldStop: called after each step; if it returns true, the run is saved and ends early.
    /// - Returns: whether the run reached its last step.
    /// - Throws: `PixNerdError` or `SharedError` if the run cannot continue; earlier checkpoints stay.
    @discardableResult
    public func train(shouldStop: () -> Bool = { false }) throws -> Bool {
        try configuration.precision { try trainInPrecision(shouldStop: shouldStop) }
    }

    private func trainInPrecision(shouldStop: () -> Bool) throws -> Bool {
        let training = configuration.training
        let journal = try communicator.agree {
            communicator.isRoot ? try TrainingJournal(run: run, resumingAt: state.step) : nil
        }
        let loader = makeLoader()
        defer { loader.stop() }
        let take = task.makeStepper(
            optimizer: state.optimizer, averages: state.averages,
            gradientClip: training.gradientClip > 0 ? Double(training.gradientClip) : nil, exchange: exchange)
        let first = state.step
        var window = MetricsWindow(batchSize: training.batchSize)
        var savedStep = state.step
        var forecast = TimeForecast(first: state.step, total: training.steps)
        while state.step < training.steps {
            try step(take, loader, &window)
            if let seconds = forecast.secondsLeft(afterStep: state.step), communicator.isRoot {
                logger.notice(
                    """
                    the run will take about \(durationText(seconds)) more on \(Machine().processor), judging by its \
                    first steps
                    """)
            }
            if state.step % training.logEvery == 0 || state.step == training.steps {
                let record = window.record(
                    step: state.step, learningRate: Double(state.optimizer.settings.learningRate),
                    skippedSteps: state.outliers.skipped, waitSeconds: loader.waitSeconds,
                    exchange: exchange?.takeTimes())
                try keepGoing("the metrics") { try journal?.write(record) }
                if communicator.isRoot {
                    onProgress(
                        WorkProgress(done: state.step, total: training.steps, first: first, details: record.line))
                }
            }
            if state.step % training.saveEvery == 0 || state.step == training.steps {
                try window.excluding { try save() }
                savedStep = state.step
            }
            if training.previewEvery > 0 && state.step % training.previewEvery == 0 {
                try window.excluding { try keepGoing("the previews") { try writePreviews(journal) } }
            }
            if state.step < training.steps && communicator.any(shouldStop()) { break }
        }
        if savedStep != state.step { try save() }
        reportTroubles(loader)
        return state.step == training.steps
    }

    /// This process's images of a step.
    private var plan: BatchPlan { configuration.plan(communicator) }

    private func makeLoader() -> BatchLoader {
        let training = configuration.training
        return BatchLoader(
            collection: preparation.pictures, imageSize: preparation.loadedSize, plan: plan,
            seed: configuration.seed,
            startSample: state.step * training.batchSize, workers: configuration.data.workers,
            prefetchBatches: configuration.data.prefetchBatches,
            prefetchBytes: configuration.data.prefetchMegabytes << 20,
            transform: ImageTransform(crop: configuration.data.crop, flip: configuration.data.flip),
            fastDecode: configuration.data.fastDecode, logger: logger)
    }

    private func step(_ take: TrainingStepper, _ loader: BatchLoader, _ window: inout MetricsWindow) throws {
        let training = configuration.training
        let plan = plan
        let loaded = try plan.sizes.map { _ in try loader.next() }
        state.optimizer.settings.learningRate = Float(
            Double(training.learningRate)
                * training.schedule.factor(step: state.step, warmup: training.warmupSteps, total: training.steps))
        for (average, decay) in zip(state.averages, training.emaDecay) {
            // The EMA follows faster in the first steps.
            average.decay =
                training.emaWarmup ? min(decay, Float(1 + state.step) / Float(10 + state.step)) : decay
        }
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

    /// Saves a checkpoint, and removes checkpoints that need not be kept.
    private func save() throws {
        try communicator.agree { try checkIsFinite() }
        let training = configuration.training
        try keepGoing("step \(state.step)") {
            try state.withWholeTensors(exchange) { tensor in
                try run.save(step: state.step) { directory in
                    try state.save(
                        task, configuration, classNames: preparation.pictures.classes, to: directory, tensor: tensor)
                }
                try run.prune(keepLast: training.keepLast, keepEvery: training.keepEvery)
            }
        }
    }

    /// Runs `body` on every process; if it fails, ends the run or logs the error, depending on
    /// `training.on_save_failure`.
    private func keepGoing(_ what: String, _ body: () throws -> Void) throws {
        do {
            try communicator.agree(body)
        } catch {
            let reason = "\(error)".trimmingCharacters(in: CharacterSet(charactersIn: ". \n"))
            guard configuration.training.onSaveFailure == .goOn else {
                throw SharedError(failure(.system, "\(what)", found: "could not be saved: \(reason)").description)
            }
            if communicator.isRoot { logger.error("\(what) could not be saved: \(reason); training continues") }
        }
    }

    /// The error that ended the run, with the checkpoint to resume from.
    private func failure(
        _ kind: PixNerdError.Kind, _ subject: ErrorText, found: ErrorText, advice: ErrorText? = nil
    ) -> PixNerdError {
        guard let step = run.savedSteps.last else {
            return PixNerdError(kind, subject, found: found, advice: advice)
        }
        let saved: ErrorText = "the last saved step is \(run.stepPath(step))"
        return PixNerdError(kind, subject, found: found, advice: advice.map { $0 + "; " + saved } ?? saved)
    }

    /// Checks that the weights are finite, so that no checkpoint or preview has a state that cannot be trained further.
    private func checkIsFinite() throws {
        let parameters = state.optimizer.parameters
        let weights = parameters.map { ($0.name, $0.value) }
        let names = state.optimizer.pieces.map { parameters[$0.parameter].name }
        let averages = state.averages.flatMap { zip(names, $0.values) }
        guard let bad = (weights + averages).first(where: { !$0.1.isFinite }) else { return }
        throw failure(
            .notFinite, "step \(state.step):", found: "the weight \(bad.0) is not finite after it",
            advice: "decrease the learning rate or clip gradients")
    }

    private func reportTroubles(_ loader: BatchLoader) {
        if !loader.skipped.isEmpty { logger.warning("\(loader.skipped.count) unreadable images were skipped") }
        if communicator.isRoot && state.outliers.skipped > 0 {
            logger.warning("\(state.outliers.skipped) steps were skipped because of their gradient norm")
        }
    }
}
