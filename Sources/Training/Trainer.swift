import Diffusion
import Foundation
import Images
import Layers
import Logging
import Models
import Tensors

/// Trains a model in a space on pictures, and keeps its run directory.
public final class Trainer {
    public let configuration: Configuration
    public let run: RunDirectory
    public internal(set) var state: TrainingState
    let pictures: ImageCollection
    /// What tokens are aligned with, where they are.
    let features: FeatureSource?
    let space = PixelSpace()
    let logger: Logger

    /// Prepares a run: finds the pictures, and makes the model or loads the latest saved step.
    ///
    /// - Parameters:
    ///   - configuration: what is asked for; 0 classes become as many as the pictures have.
    ///   - resume: go on with the run directory that is there.
    /// - Throws: one sentence where something of the above cannot be had.
    public init(_ configuration: Configuration, resume: Bool, logger: Logger) throws {
        (self.configuration, pictures, features) = try Self.checked(configuration)
        self.logger = logger
        if configuration.threads > 0 { Threads.count = configuration.threads }
        (run, state) = try Self.begin(self.configuration, classes: pictures.classes, features, resume: resume, logger)
        try run.writeConfiguration(self.configuration)
    }

    /// Trains to the last step, saving on the way and at the end.
    ///
    /// - Parameter shouldStop: asked after each step; where it says so the state is saved and the run ends early.
    /// - Returns: whether the run came to its last step.
    /// - Throws: one sentence where the run cannot go on; what was saved before stays.
    @discardableResult
    public func train(shouldStop: () -> Bool = { false }) throws -> Bool {
        let training = configuration.training
        let journal = try TrainingJournal(run: run, resumingAt: state.step)
        let loader = makeLoader()
        defer { loader.stop() }
        let take = FlowMatchingStep(
            model: denoiser, alignment: state.alignment, optimizer: state.optimizer, averages: state.averages,
            gradientClip: training.gradientClip > 0 ? Double(training.gradientClip) : nil)
        let progress = Progress(total: training.steps, first: state.step)
        defer { progress.finish() }
        var window = MetricsWindow(batchSize: training.batchSize)
        var savedStep = state.step
        while state.step < training.steps {
            try step(take, loader, &window)
            if state.step % training.logEvery == 0 || state.step == training.steps {
                let record = window.record(
                    step: state.step, learningRate: Double(state.optimizer.settings.learningRate),
                    skippedSteps: state.outliers.skipped, waitSeconds: loader.waitSeconds)
                try keepGoing("the metrics") { try journal.write(record) }
                progress.show(state.step, record.line)
            }
            if state.step % training.saveEvery == 0 || state.step == training.steps {
                try window.excluding { try save() }
                savedStep = state.step
            }
            if training.previewEvery > 0 && state.step % training.previewEvery == 0 {
                try window.excluding { try keepGoing("the previews") { try writePreviews(journal) } }
            }
            if state.step < training.steps && shouldStop() { break }
        }
        if savedStep != state.step { try save() }
        progress.finish()
        reportTroubles(loader)
        return state.step == training.steps
    }

    /// The model as steps see it: on the grid of training, whatever density its fields are decoded at.
    private var denoiser: any AlignableDenoiser {
        switch state.model.architecture.head {
        case .field: FieldRoute(state.model, trainedSize: configuration.data.imageSize)
        case .linear: state.model
        }
    }

    private func makeLoader() -> BatchLoader {
        let training = configuration.training
        return BatchLoader(
            collection: pictures, imageSize: configuration.data.imageSize,
            batchSize: training.batchSize / training.accumulate, seed: configuration.seed,
            startSample: state.step * training.batchSize, workers: configuration.data.workers,
            prefetchBatches: configuration.data.prefetchBatches,
            prefetchBytes: configuration.data.prefetchMegabytes << 20,
            transform: ImageTransform(crop: configuration.data.crop, flip: configuration.data.flip),
            fastDecode: configuration.data.fastDecode, logger: logger)
    }

    /// One step: everything random in it is keyed by the step and the place in the whole batch, so that neither
    /// accumulation nor threads change it.
    private func step(
        _ take: FlowMatchingStep, _ loader: BatchLoader, _ window: inout MetricsWindow
    ) throws {
        let training = configuration.training
        var first = 0
        let batches = try (0..<training.accumulate).map { _ in
            let loaded = try loader.next()
            defer { first += loaded.count }
            return try batch(loaded, first: first)
        }
        state.optimizer.settings.learningRate = Float(
            Double(training.learningRate)
                * training.schedule.factor(step: state.step, warmup: training.warmupSteps, total: training.steps))
        for (average, decay) in zip(state.averages, training.emaDecay) {
            // The average follows faster while there is little to average.
            average.decay =
                training.emaWarmup ? min(decay, Float(1 + state.step) / Float(10 + state.step)) : decay
        }
        var outliers = state.outliers
        let result: FlowMatchingStep.Result
        do {
            result = try take(batches) { outliers.isOutlier($0) }
        } catch let error as NotFiniteError {
            throw failure(error.description)
        }
        state.outliers = outliers
        state.step += 1
        window.add(result, times: batches.flatMap(\.times))
    }

    /// Noise, times and dropped labels for pictures that stand from place `first` on in the whole batch.
    private func batch(_ loaded: LoadedBatch, first: Int) throws -> TrainingBatch {
        let (seed, step, training) = (configuration.seed, state.step, configuration.training)
        func stream(_ purpose: RandomPurpose, _ index: Int) -> RandomStream {
            RandomStream(seed: seed, purpose: purpose, step: step, index: first + index)
        }
        let data = atFieldSize(space.encode(loaded))
        return TrainingBatch(
            data: data, noise: Tensor.normal(data.shape) { stream(.noise, $0) },
            times: (0..<loaded.count).map { index in
                var numbers = stream(.times, index)
                return shiftedTime(training.timeSampling.draw(&numbers), by: training.timeShift)
            },
            labels: loaded.labels.enumerated().map { index, label in
                var numbers = stream(.labelDropout, index)
                return numbers.nextUniform() < training.labelDropout ? state.model.nullLabel : label
            }, features: try features?.features(of: loaded))
    }

    /// Pictures at the size at which this step decodes its patches: of each side one of those that are asked for, or
    /// that of the pictures.
    private func atFieldSize(_ data: Tensor) -> Tensor {
        let sizes = [configuration.data.imageSize] + configuration.training.fieldSizes
        guard sizes.count > 1 else { return data }
        var stream = RandomStream(seed: configuration.seed, purpose: .fieldSize, step: state.step)
        let (height, width) = (
            sizes[stream.nextInteger(below: sizes.count)], sizes[stream.nextInteger(below: sizes.count)]
        )
        guard (height, width) != (data.shape[2], data.shape[3]) else { return data }
        return resizedBicubic(data, height: height, width: width, kernel: .antialiased)
    }

    /// Saves the state, and removes the saved steps that need not be kept.
    private func save() throws {
        try checkIsFinite()
        let training = configuration.training
        try keepGoing("step \(state.step)") {
            try run.save(step: state.step) { directory in
                try state.save(to: directory, configuration: configuration, classNames: pictures.classes)
            }
            try run.prune(keepLast: training.keepLast, keepEvery: training.keepEvery)
        }
    }

    /// Runs `body`; where it fails, ends the run or goes on with a message, as the configuration says.
    private func keepGoing(_ what: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            let reason = "\(error)".trimmingCharacters(in: CharacterSet(charactersIn: ". \n"))
            guard configuration.training.onSaveFailure == .goOn else {
                throw failure("\(what) could not be saved: \(reason)")
            }
            logger.error("\(what) could not be saved: \(reason); training goes on.")
        }
    }

    /// What ended the run, with where to go on.
    private func failure(_ reason: String) -> TrainingError {
        let saved = run.savedSteps.last.map { "; the last saved step is \(run.stepPath($0))" } ?? ""
        return TrainingError(reason + saved + ".")
    }

    /// Keeps a state that training cannot go on from out of checkpoints and previews.
    private func checkIsFinite() throws {
        let names = state.model.parameters.map(\.name)
        let weights = state.optimizer.parameters.map { ($0.name, $0.value) }
        let averages = state.averages.flatMap { zip(names, $0.values) }
        guard let bad = (weights + averages).first(where: { !$0.1.isFinite }) else { return }
        throw failure(
            "step \(state.step): the weight \(bad.0) is not finite after it; "
                + "lower the learning rate or clip gradients")
    }

    private func reportTroubles(_ loader: BatchLoader) {
        if !loader.skipped.isEmpty { logger.warning("\(loader.skipped.count) unreadable pictures were skipped") }
        if state.outliers.skipped > 0 {
            logger.warning("\(state.outliers.skipped) steps were skipped for the norm of their gradient")
        }
    }
}
