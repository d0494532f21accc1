import Foundation
import Logging
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// Trains, samples and evaluates pipelines identically, and collects the results.
///
/// Work is divided into units, each of which is recorded when it is finished. A unit with a record of the same settings
/// is not repeated. Units should run in separate processes, so that the memory of one does not count for another.
public struct PipelineComparison {
    public let settings: ComparisonSettings
    public let pipelines: [Pipeline]
    public let equality: Equality
    let records: Records
    let program: String
    let logger: Logger
    /// Receives the progress of the current unit.
    public var onProgress: ProgressHandler = { _ in }
    /// Fingerprint of the weights of the network whose features are compared; nil if there is none.
    let featuresHash: String?

    /// - Parameter program: the name of the program in reports, such as `pixnerd 0.1.0`.
    /// - Throws: `PixNerdError` if images cannot be found or a step to evaluate will not be saved.
    public init(_ configuration: ComparisonConfiguration, program: String, logger: Logger) throws {
        settings = configuration.settings
        self.program = program
        self.logger = logger
        records = Records(path: "\(configuration.settings.path)/records")
        featuresHash = try Self.featuresHash(settings.evaluation)
        var classes: [String: (count: Int, areSets: Bool)] = [:]
        var pipelines = configuration.pipelines
        for pipeline in pipelines where pipeline.configuration.fewSteps.method != .none {
            throw PixNerdError(
                .mismatch, "few_steps.method",
                found: "is \(pipeline.configuration.fewSteps.method.rawValue) in \(pipeline.name), and a comparison "
                    + "samples every pipeline with the same steps and guidance",
                advice: "compare the runs that it was made from, and evaluate samples of it by themselves")
        }
        for index in pipelines.indices { try Self.decide(&pipelines[index].configuration, &classes) }
        self.pipelines = pipelines
        equality = Equality(pipelines)
        for pipeline in pipelines { try checkSteps(pipeline) }
    }

    /// Decides what a configuration leaves to the images, as training will.
    ///
    /// - Parameter classes: the numbers of classes that are known already, and whether images have several of them.
    private static func decide(
        _ configuration: inout Configuration, _ classes: inout [String: (count: Int, areSets: Bool)]
    ) throws {
        guard !configuration.text.isOn else { return configuration.decideGuidance(classes: nil) }
        guard configuration.leavesToImages else { return }
        let (root, labels) = (configuration.data.root, configuration.labelOptions)
        guard !root.isEmpty else {
            throw PixNerdError(
                .invalidValue, "data.root", found: "is not set",
                expected: "a folder of images, or with one folder of images per class",
                advice: "set it, for example with \(Setting.overrides) data.root=datasets/shapes")
        }
        let source = "\(root) \(labels)"
        func counted() throws -> (count: Int, areSets: Bool) {
            let pictures = try ImageCollection.open(root: root, labels: labels)
            return (pictures.classes.count, pictures.labelSets != nil)
        }
        let found = try classes[source] ?? counted()
        classes[source] = found
        if configuration.model.classes == 0 { configuration.model.classes = found.count }
        configuration.decideGuidance(classes: found.areSets ? nil : found.count)
    }

    private func checkSteps(_ pipeline: Pipeline) throws {
        let training = pipeline.configuration.training
        guard pipeline.isTaken || training.keepLast == 0 else {
            throw PixNerdError(
                .invalidValue, "training.keep_last", found: "is \(training.keepLast) in \(pipeline.name)",
                advice: "remove it, because the saved steps are evaluated")
        }
        let most = 10_000
        guard pipeline.isTaken || !settings.evaluation.checkpoints.isEmpty || training.steps / training.saveEvery < most
        else {
            throw PixNerdError(
                .invalidValue, "evaluation.checkpoints",
                found: "is empty, and \(pipeline.name) would save more than \(most) steps to evaluate",
                advice: "name the steps to evaluate, or increase training.save_every")
        }
        guard let other = settings.evaluation.checkpoints.first(where: { !isSaved($0, pipeline) }) else { return }
        let saves =
            pipeline.isTaken
            ? "\(pipeline.run.path) has \(pipeline.run.savedSteps.map(String.init).joined(separator: ", "))"
            : "training.steps is \(training.steps) and training.save_every \(training.saveEvery)"
        throw PixNerdError(
            .invalidValue, "evaluation.checkpoints",
            found: "holds \(other), which \(pipeline.name) does not save: \(saves)")
    }

    /// Whether a pipeline's run saves a step.
    private func isSaved(_ step: Int, _ pipeline: Pipeline) -> Bool {
        guard !pipeline.isTaken else { return pipeline.run.savedSteps.contains(step) }
        let training = pipeline.configuration.training
        return step == training.steps || step < training.steps && step % training.saveEvery == 0
    }

    /// Steps of a pipeline that are evaluated, ascending and ending with the last step of training.
    func measuredSteps(_ pipeline: Pipeline) -> [Int] {
        let training = pipeline.configuration.training
        let asked = settings.evaluation.checkpoints
        let earlier =
            !asked.isEmpty
            ? asked.sorted()
            : pipeline.isTaken
                ? pipeline.run.savedSteps
                : Array(stride(from: training.saveEvery, to: training.steps, by: training.saveEvery))
        return earlier.filter { $0 < training.steps } + [training.steps]
    }

    /// All units in order: training, then the evaluation of the last steps, then that of earlier steps.
    public var units: [ComparisonUnit] {
        let training = pipelines.flatMap { pipeline -> [ComparisonUnit] in
            let own = ComparisonUnit.training(pipeline: pipeline.name)
            return pipeline.autoencoder == nil ? [own] : [.autoencoder(pipeline: pipeline.name), own]
        }
        let spaces = pipelines.map { ComparisonUnit.space(pipeline: $0.name) }
        let ways = pipelines.map { ComparisonUnit.trajectory(pipeline: $0.name) }
        let last = pipelines.flatMap { measuring($0, measuredSteps($0).suffix(1)) }
        let earlier = pipelines.flatMap { measuring($0, measuredSteps($0).dropLast().reversed()) }
        return training + spaces + last + ways + earlier
    }

    private func measuring(_ pipeline: Pipeline, _ steps: some Sequence<Int>) -> [ComparisonUnit] {
        steps.flatMap { step in
            settings.evaluation.guidance.flatMap { guidance -> [ComparisonUnit] in
                [
                    .sampling(pipeline: pipeline.name, step: step, guidance: guidance),
                    .evaluation(pipeline: pipeline.name, step: step, guidance: guidance),
                ]
            }
        }
    }

    /// Checks that every run can start, before the first one does.
    ///
    /// - Throws: `PixNerdError` that names the problem and the pipeline.
    public func check() throws {
        _ = try ImageCollection.pictures(below: reference)
        for pipeline in pipelines where !pipeline.isTaken {
            let data = pipeline.configuration.data
            guard data.imageSize.isSquare, data.buckets == .none else {
                throw PixNerdError(
                    .unsupported, "\(pipeline.name)", found: "is trained at other shapes than squares of one size",
                    advice: "set data.image_size to one number, and remove data.buckets")
            }
            if let autoencoder = pipeline.autoencoder { try Trainer.check(autoencoder) }
            if let side = pipeline.tokenSide,
                let problem = sizeProblem(pipeline.configuration.data.squareSide, multiple: side)
            {
                throw PixNerdError(.invalidValue, "data.image_size in \(pipeline.name)", found: "\(problem)")
            }
            // If its autoencoder is yet to be trained, the rest is checked afterwards.
            if pipeline.autoencoder == nil { try Trainer.check(pipeline.configuration) }
            _ = try pipeline.configuration.architecture(
                channels: pipeline.autoencoder?.autoencoder.latentChannels ?? 3)
        }
    }

    /// Description of the comparison in a few lines, to display.
    public var summary: String {
        let width = pipelines.map(\.name.count).max() ?? 0
        let sides = pipelines.map { pipeline -> String in
            let configuration = pipeline.configuration
            let head = configuration.space == .pixel ? "\(configuration.model.head.rawValue) head" : "latents"
            return TextTable.padded(pipeline.name, to: width + 2)
                + "\(head), \(pipeline.tokens.map(String.init) ?? "unknown") tokens, "
                + "to step \(configuration.training.steps)"
                + (pipeline.isTaken ? ", from \(pipeline.run.path)" : "")
        }
        let verdict =
            equality.isEqual
            ? "Everything but space and head is equal."
            : "NOT EQUAL: " + equality.unequal.map(\.sentence).joined(separator: "; ") + "."
        return ([settings.path] + sides + [verdict]).joined(separator: "\n")
    }

    func pipeline(_ name: String) -> Pipeline {
        guard let found = pipelines.first(where: { $0.name == name }) else {
            preconditionFailure("PipelineComparison: there is no pipeline \(name)")
        }
        return found
    }

    /// Whether a unit has a record with the current settings.
    public func isDone(_ unit: ComparisonUnit) -> Bool {
        // An error here counts as not done; doing the unit reports it.
        guard let settings = try? recordSettings(unit) else { return false }
        switch unit {
        case .autoencoder, .training: return records.value(unit.name, settings, as: TrainingCost.self) != nil
        case .space: return records.value(unit.name, settings, as: SpaceRecord.self) != nil
        case .sampling: return records.value(unit.name, settings, as: SamplingCost.self) != nil
        case .evaluation: return records.value(unit.name, settings, as: EvaluationRecord.self) != nil
        case .trajectory: return records.value(unit.name, settings, as: TrajectoryRecord.self) != nil
        }
    }

    /// Does a unit in this process and records it.
    ///
    /// - Parameter shouldStop: polled during the work; true stops it in a state that it can resume from.
    /// - Returns: whether the unit was finished.
    public func perform(_ unit: ComparisonUnit, shouldStop: () -> Bool) throws -> Bool {
        let pipeline = pipeline(unit.pipeline)
        if pipeline.configuration.threads > 0 { Threads.count = pipeline.configuration.threads }
        func keep(_ value: some Codable) throws { try records.keep(unit.name, recordSettings(unit), value) }
        do {
            switch unit {
            case .autoencoder:
                guard let configuration = pipeline.autoencoder else { return true }
                guard try train(configuration, shouldStop) else { return false }
                try keep(try autoencoderCost(configuration))
            case .training:
                guard try pipeline.isTaken || train(pipeline.configuration, shouldStop) else { return false }
                try keep(try trainingCost(pipeline))
            case .space: try keep(try roundTrip(pipeline))
            case .sampling(_, let step, let guidance):
                try keep(
                    try pipeline.configuration.precision {
                        try sample(pipeline, step: step, guidance: guidance, shouldStop: shouldStop)
                    })
            case .evaluation(_, let step, let guidance):
                try keep(
                    EvaluationRecord(
                        report: try evaluate(pipeline, samples: samplesPath(pipeline.name, step, guidance))))
            case .trajectory:
                try keep(
                    try pipeline.configuration.precision {
                        try trajectory(pipeline, step: measuredSteps(pipeline).last ?? 0)
                    })
            }
        } catch is CancellationError {
            return false
        }
        return true
    }
}

extension PipelineComparison {
    /// Does all units that are not recorded yet.
    ///
    /// - Parameters:
    ///   - shouldStop: polled before each unit.
    ///   - perform: does a unit, in this process with `perform(_:shouldStop:)` or in another, and returns whether it
    ///     was finished.
    /// - Returns: whether all units are done.
    /// - Throws: any error that `perform` throws, or `PixNerdError` if another process works on the comparison.
    public func run(shouldStop: () -> Bool, perform: (ComparisonUnit) throws -> Bool) throws -> Bool {
        try makeFolder(settings.path)
        let lock = try WorkLock.take("\(settings.path)/compare.lock", of: "\(settings.path)") {
            logger.warning("\($0)")
        }
        defer { withExtendedLifetime(lock) {} }
        let units = units
        for (place, unit) in units.enumerated() where !isDone(unit) {
            guard !shouldStop() else { return false }
            logger.notice("[\(place + 1)/\(units.count)] \(unit.description)")
            guard try perform(unit) else { return false }
            guard isDone(unit) else {
                throw PixNerdError(
                    .system, "\(unit.description):", found: "the unit is done, but \(records.path) has no record of it")
            }
        }
        return true
    }
}
