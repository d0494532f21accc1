import Checkpoints
import Diffusion
import Foundation
import Layers
import Models
import Tensors

/// Everything that a run needs to go on: weights, moving averages, optimiser, step, and what else decides later steps.
public struct TrainingState {
    public let model: PixNerd
    /// How the model's tokens are aligned, where they are.
    public let alignment: Alignment?
    /// Of the model's parameters, and then of the projector's.
    public let optimizer: AdamW
    /// One for each decay; the first is sampled from.
    public let averages: [MovingAverage]
    /// Steps done, skipped ones included.
    public var step = 0
    public var outliers: OutlierDetector
    /// The fingerprint of the encoder that tokens are aligned with.
    private let encoder: String?

    /// What `state.json` holds.
    private struct Record: Codable {
        var step: Int
        var optimizerStep: Int
        /// Pictures seen: the place in the endless order of them.
        var samples: Int
        var seed: UInt64
        var classes: [String]
        var configurationHash: String
        var outliers: OutlierDetector
        /// The fingerprint of the encoder that tokens are aligned with.
        var encoder: String?

        enum CodingKeys: String, CodingKey {
            case step, samples, seed, classes, outliers, encoder
            case optimizerStep = "optimizer_step"
            case configurationHash = "configuration_hash"
        }
    }

    /// A new run.
    init(fresh configuration: Configuration, _ features: FeatureSource?) throws {
        let training = configuration.training
        let model = PixNerd(
            try configuration.architecture(), seed: configuration.seed, recomputesBlocks: training.recompute)
        self.model = model
        alignment = features.map { features in
            configuration.alignment(
                Projector(
                    inputs: model.tokenWidth, hidden: configuration.projectorWidth, outputs: features.width,
                    seed: configuration.seed, after: model.parameters.count))
        }
        encoder = features?.fingerprint
        optimizer = AdamW(
            model.parameters + (alignment?.projector.parameters ?? []), settings: configuration.optimizer)
        let values = model.parameters.map(\.value)
        averages = training.emaDecay.map { MovingAverage(decay: $0, startingFrom: values) }
        outliers = OutlierDetector(threshold: configuration.outlierThreshold)
    }

    /// The state that was saved under `directory`.
    ///
    /// - Parameter classes: of the pictures, which must be those of the run.
    /// - Throws: one sentence that names the file and what is wrong with it.
    init(loading directory: String, configuration: Configuration, classes: [String], _ features: FeatureSource?) throws
    {
        let json = try? Data(contentsOf: URL(fileURLWithPath: "\(directory)/state.json"))
        guard let record = json.flatMap({ try? JSONDecoder().decode(Record.self, from: $0) }), record.step >= 0 else {
            throw CheckpointError("\(directory)/state.json cannot be read as the state of a run; use another step.")
        }
        guard record.classes == classes else {
            throw TrainingError(
                "\(directory) was trained on other classes than the pictures have (\(record.classes.count) and "
                    + "\(classes.count)); set data.root to the run's pictures, or give the new run a name of its own.")
        }
        let checkpoint = try PixNerdCheckpoint(path: directory)
        let training = configuration.training
        model = try checkpoint.load(.raw, recomputesBlocks: training.recompute)
        guard model.architecture == (try configuration.architecture()) else {
            throw TrainingError(
                "\(directory) holds a model of other sizes than the configuration asks for; "
                    + "resume with the run's own model section, or give the new run a name of its own.")
        }
        alignment = try features.map { features in
            configuration.alignment(
                try Self.projector(
                    of: checkpoint, hidden: configuration.projectorWidth, features, encoder: record.encoder))
        }
        encoder = features?.fingerprint
        averages = try training.emaDecay.enumerated().map { index, decay in
            let file = try SafetensorsFile(path: "\(directory)/\(Self.averageFile(index, decay))")
            let average = try PixNerd(
                loading: TensorSubset(file, prefix: WeightKind.ema.prefix), channels: checkpoint.channels)
            return MovingAverage(decay: decay, startingFrom: average.parameters.map(\.value))
        }
        optimizer = AdamW(
            model.parameters + (alignment?.projector.parameters ?? []), settings: configuration.optimizer)
        outliers = record.outliers
        outliers.threshold = configuration.outlierThreshold
        step = record.step
        try restoreOptimizer(from: directory, step: record.optimizerStep)
    }

    /// The projector of a saved step, which must be for the run's features.
    private static func projector(
        of checkpoint: PixNerdCheckpoint, hidden: Int, _ features: FeatureSource, encoder: String?
    ) throws -> Projector {
        guard let projector = try checkpoint.projector() else {
            throw TrainingError(
                "\(checkpoint.path) was trained without alignment: it holds no \(PixNerdCheckpoint.projectorPrefix)proj.*; "
                    + "resume without repa.encoder and repa.features, or give the new run a name of its own.")
        }
        guard encoder == features.fingerprint else {
            throw TrainingError(
                "\(checkpoint.path) was aligned with another encoder than the configuration names (\(features.description)); "
                    + "resume with that, or give the new run a name of its own.")
        }
        guard projector.outputs == features.width, projector.hidden == hidden else {
            throw TrainingError(
                "\(checkpoint.path) holds a projector of width \(projector.hidden) for features of width "
                    + "\(projector.outputs), and the run asks for \(hidden) and \(features.width); resume with the run's own "
                    + "repa section.")
        }
        return projector
    }

    /// The file of a moving average: the first has the name that everything looks for.
    private static func averageFile(_ index: Int, _ decay: Float) -> String {
        index == 0 ? WeightKind.ema.fileName : "ema-\(decay).safetensors"
    }

    private func restoreOptimizer(from directory: String, step: Int) throws {
        let file = try SafetensorsFile(path: "\(directory)/optimizer.safetensors")
        func moments(_ prefix: String) throws -> [Tensor] {
            try optimizer.parameters.map { parameter in
                let moment = try file.tensor("\(prefix).\(parameter.name)")
                guard moment.shape == parameter.value.shape else {
                    throw CheckpointError(
                        "\(file.path): \(prefix).\(parameter.name) has the shape \(moment.shape), "
                            + "expected is \(parameter.value.shape).")
                }
                return moment
            }
        }
        optimizer.restore(
            step: step, firstMoments: try moments("first_moment"), secondMoments: try moments("second_moment"))
    }

    /// Writes the state into an empty directory.
    public func save(to directory: String, configuration: Configuration, classNames: [String]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let metadata = [
            "architecture": String(decoding: try encoder.encode(model.architecture), as: UTF8.self),
            "classes": String(decoding: try encoder.encode(classNames), as: UTF8.self),
            "image_size": String(configuration.data.imageSize),
            "step": String(step),
            // How its previews are sampled, which is how it is sampled where nothing else is asked for.
            "guidance": String(configuration.sampling.guidance),
            "guidance_interval": "\(configuration.sampling.guidanceLower),\(configuration.sampling.guidanceUpper)",
            "shift": String(configuration.sampling.shift),
        ]
        let names = model.parameters.map(\.name)
        func write(
            _ tensors: [Tensor], prefix: String, and others: [(String, Tensor)] = [], _ extra: [String: String],
            to file: String
        ) throws {
            try SafetensorsWriter.write(
                zip(names, tensors).map { (prefix + $0, $1) } + others,
                metadata: metadata.merging(extra) { _, new in new }, to: "\(directory)/\(file)")
        }
        let projector = (alignment?.projector.parameters ?? []).map {
            (PixNerdCheckpoint.projectorPrefix + $0.name, $0.value)
        }
        let repa = alignment.map { ["repa_layer": String($0.layer), "repa_weight": String($0.weight)] } ?? [:]
        try write(
            model.parameters.map(\.value), prefix: WeightKind.raw.prefix, and: projector, repa,
            to: WeightKind.raw.fileName)
        for (index, (average, decay)) in zip(averages, configuration.training.emaDecay).enumerated() {
            try write(
                average.values, prefix: WeightKind.ema.prefix, ["ema_decay": String(decay)],
                to: Self.averageFile(index, decay))
        }
        let trained = optimizer.parameters.map(\.name)
        try SafetensorsWriter.write(
            zip(trained, optimizer.firstMoments).map { ("first_moment.\($0)", $1) }
                + zip(trained, optimizer.secondMoments).map { ("second_moment.\($0)", $1) },
            metadata: ["step": String(optimizer.step)], to: "\(directory)/optimizer.safetensors")
        let record = Record(
            step: step, optimizerStep: optimizer.step, samples: step * configuration.training.batchSize,
            seed: configuration.seed, classes: classNames, configurationHash: configuration.hash, outliers: outliers,
            encoder: self.encoder)
        let json = try encoder.encode(record)
        try AtomicFile.write(to: "\(directory)/state.json") { file in
            try json.withUnsafeBytes { try file.append($0) }
        }
    }

    /// Runs `body` with the first moving average in place of the weights.
    public func withAverage<R>(_ body: () throws -> R) rethrows -> R {
        guard let average = averages.first else { return try body() }
        let raw = model.parameters.map(\.value)
        for (parameter, value) in zip(model.parameters, average.values) { parameter.value = value }
        defer { for (parameter, value) in zip(model.parameters, raw) { parameter.value = value } }
        return try body()
    }
}

extension Configuration {
    fileprivate func alignment(_ projector: Projector) -> Alignment {
        Alignment(projector: projector, layer: repa.layer, weight: repa.weight)
    }

    fileprivate var outlierThreshold: Double? { training.skipOutliers > 0 ? Double(training.skipOutliers) : nil }

    /// A short name for the values that decide what is learned.
    var hash: String {
        var fingerprint = Fingerprint()
        for key in Self.keys where key.changesTraining(self) { fingerprint.add("\(key.name)=\(key.read(self))") }
        return fingerprint.text
    }
}
