import Foundation
import Images
import Logging
import Models
import Tensors

extension Trainer {
    /// Finds the pictures and checks everything that can be checked before any work is done.
    static func checked(_ configuration: Configuration) throws -> (Configuration, ImageCollection, FeatureSource?) {
        var configuration = configuration
        guard !configuration.data.root.isEmpty else {
            throw ConfigurationError(
                "data.root is not set; name a folder with a folder of pictures for each class, "
                    + "such as --set data.root=datasets/shapes.")
        }
        let pictures = try ImageCollection.open(root: configuration.data.root)
        let classes = pictures.classes.count
        if configuration.model.classes == 0 { configuration.model.classes = classes }
        if let problem = sizeProblem(configuration.data.imageSize, multiple: configuration.model.patchSize) {
            throw ConfigurationError("data.image_size \(problem)")
        }
        let grid = configuration.data.imageSize / configuration.model.patchSize
        guard configuration.model.head == .field || configuration.training.fieldSizes.isEmpty else {
            throw ConfigurationError(
                "training.field_sizes is set, but model.head is linear, which decodes patches at one density alone; leave "
                    + "one of them out.")
        }
        if let side = configuration.training.fieldSizes.first(where: { $0 % grid != 0 }) {
            throw ConfigurationError(
                "training.field_sizes holds \(side), which a grid of \(grid) x \(grid) patches does not divide; give "
                    + "multiples of \(grid).")
        }
        guard configuration.model.classes >= classes else {
            throw ConfigurationError(
                "model.num_classes is \(configuration.model.classes), but \(pictures.root) has \(classes) classes; "
                    + "leave it out or set it to at least that.")
        }
        let training = configuration.training
        guard training.batchSize % training.accumulate == 0 else {
            throw ConfigurationError(
                "training.batch_size \(training.batchSize) is not a multiple of training.accumulate "
                    + "\(training.accumulate); make it one.")
        }
        // What cannot be built is said before an encoder is read.
        _ = try configuration.architecture()
        let features = try FeatureSource(configuration, pictures)
        let estimate = try configuration.memoryEstimate(features)
        guard estimate.total < MemoryEstimate.available else {
            throw ConfigurationError(
                "The run needs about \(gigabytes(estimate.total)), and there are "
                    + "\(gigabytes(MemoryEstimate.available)); lower training.batch_size, raise training.accumulate, "
                    + "or set training.recompute to true.")
        }
        return (configuration, pictures, features)
    }

    /// The directory and the state that a run begins with.
    static func begin(
        _ configuration: Configuration, classes: [String], _ features: FeatureSource?, resume: Bool, _ logger: Logger
    ) throws -> (RunDirectory, TrainingState) {
        guard resume else {
            let run = try RunDirectory.create(configuration.runPath)
            return (run, try TrainingState(fresh: configuration, features))
        }
        let run = RunDirectory(existing: configuration.runPath)
        run.removeUnfinished()
        guard let step = run.savedSteps.last else {
            guard FileManager.default.fileExists(atPath: run.configurationPath) else {
                throw TrainingError("There is no run \(run.path) to resume; start it without --resume.")
            }
            logger.notice("\(run.path) has no saved step yet; its run begins anew.")
            return (run, try TrainingState(fresh: configuration, features))
        }
        let state = try TrainingState(
            loading: run.stepPath(step), configuration: configuration, classes: classes, features)
        try reportChanges(run, configuration, logger)
        return (run, state)
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
        let architecture = state.model.architecture
        let (size, training) = (configuration.data.imageSize, configuration.training)
        let giga = Double(architecture.multiplyAdds(height: size, width: size)) / 1e9
        let memory = (try? configuration.memoryEstimate(features))?.total ?? 0
        let aligned = features.map { "\naligned    block \(configuration.repa.layer) with \($0.description)" } ?? ""
        return """
            run        \(run.path)\(state.step > 0 ? " from step \(state.step)" : "")
            pictures   \(pictures.samples.count) in \(pictures.classes.count) classes, at \(size) x \(size)
            model      \(state.model.parameterCount) parameters, \(String(format: "%.3g", giga)) G multiply-adds a picture\(aligned)
            training   to step \(training.steps), \(training.batchSize) pictures a step, \(Threads.count) threads
            memory     about \(gigabytes(memory)) of \(gigabytes(MemoryEstimate.available))
            """
    }
}

extension Configuration {
    /// What the run will need.
    func memoryEstimate(_ features: FeatureSource?) throws -> MemoryEstimate {
        let architecture = try architecture()
        var estimate = MemoryEstimate(
            architecture, parameters: architecture.parameterCount, averages: training.emaDecay.count,
            batch: training.batchSize / training.accumulate, size: data.imageSize, recompute: training.recompute)
        if let features {
            let side = data.imageSize / model.patchSize
            estimate.addAlignment(
                inputs: model.hiddenSize, hidden: projectorWidth, outputs: features.width,
                tokens: training.batchSize / training.accumulate * side * side)
            if let encoder = features.encoder { estimate.add(encoder, grid: side) }
        }
        return estimate
    }

    /// The width of the projector's inner layers.
    var projectorWidth: Int { repa.projectorWidth > 0 ? repa.projectorWidth : model.hiddenSize }
}

/// Such as "3.4 GB".
private func gigabytes(_ bytes: Int) -> String { String(format: "%.1f GB", Double(bytes) / 1e9) }

/// What is wrong with a side of a picture, and the nearest one that works; nil where nothing is.
public func sizeProblem(_ size: Int, multiple: Int) -> String? {
    guard size <= 0 || size % multiple != 0 else { return nil }
    let below = max(0, size) / multiple * multiple
    let isNearerAbove = below == 0 || size - below >= multiple - multiple / 2
    let nearest = isNearerAbove && below <= Int.max - multiple ? below + multiple : below
    return "is \(size), which patches of \(multiple) x \(multiple) do not divide; the nearest that works is \(nearest)."
}
