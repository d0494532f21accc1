import Checkpoints
import Diffusion
import Foundation
import Images
import Layers
import Logging
import Models
import Tensors

/// Trains a model in a space on a folder of pictures, and keeps its run directory.
public final class Trainer {
    public let configuration: Configuration
    public let run: RunDirectory
    public private(set) var state: TrainingState
    private let folder: ImageFolder
    private let space = PixelSpace()
    private let logger: Logger

    /// Prepares a run: finds the pictures, and makes the model or loads the latest saved step.
    ///
    /// - Parameters:
    ///   - configuration: what is asked for; 0 classes become as many as the folder has.
    ///   - resume: go on with the run directory that is there.
    /// - Throws: one sentence where something of the above cannot be had.
    public init(_ configuration: Configuration, resume: Bool, logger: Logger) throws {
        var configuration = configuration
        guard !configuration.data.root.isEmpty else {
            throw ConfigurationError(
                "data.root is not set; name a folder with a folder of pictures for each class, "
                    + "such as --set data.root=datasets/shapes.")
        }
        folder = try ImageFolder(root: configuration.data.root)
        if configuration.model.classes == 0 { configuration.model.classes = folder.classes.count }
        try Self.check(configuration, folder)
        self.logger = logger
        if configuration.threads > 0 { Threads.count = configuration.threads }

        let existing = RunDirectory(existing: configuration.runPath)
        if resume, let step = existing.savedSteps.last {
            run = existing
            state = try TrainingState(loading: run.stepPath(step), configuration: configuration)
            try Self.reportChanges(run, configuration, logger)
        } else if resume, FileManager.default.fileExists(atPath: existing.configurationPath) {
            logger.notice("\(existing.path) has no saved step yet; its run begins anew.")
            run = existing
            state = try TrainingState(fresh: configuration)
        } else if resume {
            throw TrainingError("There is no run \(existing.path) to resume; start it without --resume.")
        } else {
            state = try TrainingState(fresh: configuration)
            run = try RunDirectory.create(configuration.runPath)
        }
        self.configuration = configuration
        try AtomicFile.write(to: run.configurationPath) { file in
            try Data(configuration.yaml.utf8).withUnsafeBytes { try file.append($0) }
        }
    }

    private static func check(_ configuration: Configuration, _ folder: ImageFolder) throws {
        let (size, patch) = (configuration.data.imageSize, configuration.model.patchSize)
        if let problem = sizeProblem(size, multiple: patch) {
            throw ConfigurationError("data.image_size \(problem)")
        }
        guard configuration.model.classes >= folder.classes.count else {
            throw ConfigurationError(
                "model.num_classes is \(configuration.model.classes), but \(folder.root) has "
                    + "\(folder.classes.count) classes; leave it out or set it to at least that.")
        }
        _ = try configuration.architecture()
    }

    private static func reportChanges(
        _ run: RunDirectory, _ configuration: Configuration, _ logger: Logger
    ) throws {
        guard FileManager.default.fileExists(atPath: run.configurationPath) else { return }
        let earlier = try Configuration(yaml: run.configurationPath)
        for change in configuration.differences(from: earlier) {
            logger.warning("resuming with \(change.key) = \(change.own), which was \(change.other) before")
        }
    }

    /// What the run is, in a few lines for a person.
    public var summary: String {
        let architecture = state.model.architecture
        let size = configuration.data.imageSize
        let giga = Double(architecture.multiplyAdds(height: size, width: size)) / 1e9
        return """
            run        \(run.path)\(state.step > 0 ? " from step \(state.step)" : "")
            pictures   \(folder.samples.count) in \(folder.classes.count) classes, at \(size) x \(size)
            model      \(state.model.parameterCount) parameters, \(String(format: "%.3g", giga)) G multiply-adds a picture
            training   steps to \(configuration.training.steps), batches of \(configuration.training.batchSize), \
            \(Threads.count) threads
            """
    }

    /// Trains to the last step, saving on the way and at the end.
    ///
    /// - Parameter shouldStop: asked after each step; where it says so the state is saved and the run ends early.
    /// - Returns: whether the run came to its last step.
    /// - Throws: one sentence where the run cannot go on; what was saved before stays.
    @discardableResult
    public func train(shouldStop: () -> Bool = { false }) throws -> Bool {
        let training = configuration.training
        let log = try MetricsLog(path: run.metricsPath, resumingAt: state.step)
        let loader = BatchLoader(
            folder: folder, imageSize: configuration.data.imageSize, batchSize: training.batchSize,
            seed: configuration.seed, startSample: state.step * training.batchSize,
            workers: configuration.data.workers, prefetchBatches: configuration.data.prefetchBatches, logger: logger)
        defer { loader.stop() }
        let take = FlowMatchingStep(
            model: state.model, optimizer: state.optimizer, average: state.average,
            gradientClip: training.gradientClip > 0 ? Double(training.gradientClip) : nil)
        let progress = Progress(total: training.steps, first: state.step)
        defer { progress.finish() }
        var window = MetricsWindow(learningRate: Double(training.learningRate), batchSize: training.batchSize)
        var savedStep = state.step
        while state.step < training.steps {
            let batch = try loader.next()
            state.average.decay = averageDecay(afterSteps: state.step)
            let result = try step(take, batch)
            state.step += 1
            window.add(result)
            if state.step % training.logEvery == 0 || state.step == training.steps {
                let record = window.record(step: state.step, waitSeconds: loader.waitSeconds)
                try log.append(record)
                progress.show(
                    state.step,
                    String(format: "loss %.4f  %.1f pictures/s", record.loss, record.imagesPerSecond))
            }
            if state.step % training.saveEvery == 0 || state.step == training.steps {
                try window.excluding { try save() }
                savedStep = state.step
            }
            if training.previewEvery > 0 && state.step % training.previewEvery == 0 {
                try window.excluding { try writePreviews() }
            }
            if state.step < training.steps && shouldStop() { break }
        }
        if savedStep != state.step { try save() }
        progress.finish()
        if !loader.skipped.isEmpty {
            logger.warning("\(loader.skipped.count) unreadable pictures were skipped")
        }
        return state.step == training.steps
    }

    /// One step on a batch: everything random in it is keyed by the step and the place in the batch.
    private func step(
        _ take: FlowMatchingStep<PixNerd>, _ batch: LoadedBatch
    ) throws -> FlowMatchingStep<PixNerd>.Result {
        let (seed, step, training) = (configuration.seed, state.step, configuration.training)
        let data = space.encode(batch)
        let noise = Tensor.normal(data.shape) {
            RandomStream(seed: seed, purpose: .noise, step: step, index: $0)
        }
        let times = (0..<batch.count).map { index in
            var stream = RandomStream(seed: seed, purpose: .times, step: step, index: index)
            return shiftedTime(training.timeSampling.draw(&stream), by: training.timeShift)
        }
        let labels = batch.labels.enumerated().map { index, label in
            var stream = RandomStream(seed: seed, purpose: .labelDropout, step: step, index: index)
            return stream.nextUniform() < training.labelDropout ? state.model.nullLabel : label
        }
        do {
            return try take(data: data, noise: noise, times: times, labels: labels)
        } catch let error as TrainingError {
            throw failure(error.description)
        }
    }

    /// What ended the run, with where to go on.
    private func failure(_ reason: String) -> TrainingError {
        let saved = run.savedSteps.last.map { "; the last saved step is \(run.stepPath($0))" } ?? ""
        return TrainingError(reason + saved + ".")
    }

    /// Keeps a state that training cannot go on from out of checkpoints and previews.
    private func checkIsFinite() throws {
        let values = state.model.parameters.map(\.value) + state.average.values
        let names = state.model.parameters.map(\.name)
        guard let bad = values.firstIndex(where: { !$0.isFinite }) else { return }
        throw failure(
            "step \(state.step): the weight \(names[bad % names.count]) is not finite after it; "
                + "lower the learning rate or clip gradients")
    }

    /// The decay of the moving average: it follows faster while there is little to average.
    private func averageDecay(afterSteps steps: Int) -> Float {
        let decay = configuration.training.emaDecay
        return configuration.training.emaWarmup ? min(decay, Float(1 + steps) / Float(10 + steps)) : decay
    }

    private func save() throws {
        try checkIsFinite()
        try run.save(step: state.step) { directory in
            try state.save(to: directory, configuration: configuration, classNames: folder.classes)
        }
    }

    /// Pictures from fixed seeds, with the moving average and with the raw weights.
    private func writePreviews() throws {
        try checkIsFinite()
        let name = String(format: "step-%06d", state.step)
        try state.withAverage { try writePreview("\(run.previewsPath)/\(name).png") }
        try writePreview("\(run.previewsPath)/\(name)-raw.png")
    }

    private func writePreview(_ path: String) throws {
        let sampling = configuration.sampling
        let labels = 0..<min(sampling.classes, folder.classes.count)
        let requests = labels.flatMap { label in
            (0..<sampling.perClass).map { PictureRequest(label: label, seed: UInt64($0)) }
        }
        var pictures: [RGBImage] = []
        let size = configuration.data.imageSize
        samplePictures(
            state.model, in: space, requests, height: size, width: size, settings: sampling.settings,
            batchSize: max(1, configuration.training.batchSize / 2)
        ) { batch, _ in pictures += batch }
        let rows = labels.map { label in
            (
                label: Optional(folder.classes[label]),
                images: Array(pictures[label * sampling.perClass..<(label + 1) * sampling.perClass])
            )
        }
        try ImageFile.writePNG(ImageGrid.make(rows: rows), to: path)
    }
}

/// What is wrong with a side of a picture, and the nearest one that works; nil where nothing is.
public func sizeProblem(_ size: Int, multiple: Int) -> String? {
    guard size <= 0 || size % multiple != 0 else { return nil }
    let below = max(0, size) / multiple * multiple
    let isNearerAbove = below == 0 || size - below >= multiple - multiple / 2
    let nearest = isNearerAbove && below <= Int.max - multiple ? below + multiple : below
    return "is \(size), which patches of \(multiple) x \(multiple) do not divide; the nearest that works is \(nearest)."
}

/// Sums between two lines of the log.
private struct MetricsWindow {
    let learningRate: Double
    let batchSize: Int
    private var losses = 0.0
    private var norms = 0.0
    private var steps = 0
    private let start = Date()
    private var windowStart = Date()
    private var waitedBefore = 0.0

    init(learningRate: Double, batchSize: Int) {
        self.learningRate = learningRate
        self.batchSize = batchSize
    }

    mutating func add(_ result: FlowMatchingStep<PixNerd>.Result) {
        losses += Double(result.loss)
        norms += result.gradientNorm
        steps += 1
    }

    /// Runs `body`, whose time does not count for the pictures a second.
    mutating func excluding(_ body: () throws -> Void) rethrows {
        let before = Date()
        try body()
        windowStart += Date().timeIntervalSince(before)
    }

    mutating func record(step: Int, waitSeconds: Double) -> MetricsRecord {
        let now = Date()
        let seconds = max(now.timeIntervalSince(windowStart), 1e-9)
        defer {
            (losses, norms, steps) = (0, 0, 0)
            windowStart = now
            waitedBefore = waitSeconds
        }
        return MetricsRecord(
            step: step, loss: losses / Double(steps), gradientNorm: norms / Double(steps), learningRate: learningRate,
            imagesPerSecond: Double(steps * batchSize) / seconds,
            dataWait: (waitSeconds - waitedBefore) / seconds, peakMemory: Double(peakResidentMemory()) / 1e9,
            seconds: now.timeIntervalSince(start))
    }
}
