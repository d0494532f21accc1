import Checkpoints
import Foundation
import Layers
import Tensors

/// How far a run is: optimiser, moving averages, step, and what else decides later steps.
public struct TrainingState {
    /// Of the model's parameters, and then of what is trained beside it.
    let optimizer: AdamW
    /// One for each decay; the first is sampled from.
    let averages: [MovingAverage]
    /// Steps done, skipped ones included.
    public internal(set) var step = 0
    var outliers: OutlierDetector

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
        /// What the run's results depend on besides; flat, as `encoder` was from the first.
        var encoder: String?
        var autoencoder: AutoencoderIdentity?
        var perceptual: String?

        enum CodingKeys: String, CodingKey {
            case step, samples, seed, classes, outliers, encoder, autoencoder, perceptual
            case optimizerStep = "optimizer_step"
            case configurationHash = "configuration_hash"
        }

        var origins: TrainingOrigins {
            TrainingOrigins(encoder: encoder, autoencoder: autoencoder, perceptual: perceptual)
        }
    }

    /// A new run.
    init(fresh task: any TrainingTask, _ configuration: Configuration) {
        optimizer = AdamW(task.parameters + task.companions, settings: configuration.optimizer)
        let values = task.parameters.map(\.value)
        averages = configuration.training.emaDecay.map { MovingAverage(decay: $0, startingFrom: values) }
        outliers = OutlierDetector(threshold: configuration.outlierThreshold)
    }

    /// The state that was saved under `directory`, and what is trained.
    ///
    /// - Throws: one sentence that names the file and what is wrong with it.
    static func load(
        _ directory: String, _ preparation: any TrainingPreparation
    ) throws -> (task: any TrainingTask, state: TrainingState) {
        let json = try? Data(contentsOf: URL(fileURLWithPath: "\(directory)/state.json"))
        guard let record = json.flatMap({ try? JSONDecoder().decode(Record.self, from: $0) }), record.step >= 0 else {
            throw CheckpointError("\(directory)/state.json cannot be read as the state of a run; use another step.")
        }
        let classes = preparation.pictures.classes
        guard preparation.configuration.kind == .autoencoder || record.classes == classes else {
            throw TrainingError(
                "\(directory) was trained on other classes than the pictures have (\(record.classes.count) and "
                    + "\(classes.count)); set data.root to the run's pictures, or give the new run a name of its own.")
        }
        let task = try preparation.load(directory, record.origins)
        return (task, try TrainingState(directory, record, task, preparation.configuration))
    }

    private init(
        _ directory: String, _ record: Record, _ task: any TrainingTask, _ configuration: Configuration
    ) throws {
        optimizer = AdamW(task.parameters + task.companions, settings: configuration.optimizer)
        averages = try configuration.weightSets.map { decay, set in
            MovingAverage(decay: decay, startingFrom: try task.loadAverage(set, from: directory))
        }
        outliers = record.outliers
        outliers.threshold = configuration.outlierThreshold
        step = record.step
        try restoreOptimizer(from: directory, step: record.optimizerStep)
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
    func save(
        to directory: String, _ task: any TrainingTask, _ configuration: Configuration, classNames: [String]
    ) throws {
        let metadata = ["image_size": String(configuration.data.imageSize), "step": String(step)]
        try task.save(task.parameters.map(\.value), .raw, metadata: metadata, to: directory)
        for (average, (decay, set)) in zip(averages, configuration.weightSets) {
            try task.save(
                average.values, set, metadata: metadata.merging(["ema_decay": String(decay)]) { $1 }, to: directory)
        }
        let trained = optimizer.parameters.map(\.name)
        try SafetensorsWriter.write(
            zip(trained, optimizer.firstMoments).map { ("first_moment.\($0)", $1) }
                + zip(trained, optimizer.secondMoments).map { ("second_moment.\($0)", $1) },
            metadata: ["step": String(optimizer.step)], to: "\(directory)/optimizer.safetensors")
        let origins = task.origins
        let record = Record(
            step: step, optimizerStep: optimizer.step, samples: step * configuration.training.batchSize,
            seed: configuration.seed, classes: classNames, configurationHash: configuration.hash, outliers: outliers,
            encoder: origins.encoder, autoencoder: origins.autoencoder, perceptual: origins.perceptual)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = try encoder.encode(record)
        try AtomicFile.write(to: "\(directory)/state.json") { file in
            try json.withUnsafeBytes { try file.append($0) }
        }
    }
}

extension Configuration {
    fileprivate var outlierThreshold: Double? { training.skipOutliers > 0 ? Double(training.skipOutliers) : nil }

    /// The averages: the first is the one that everything looks for.
    fileprivate var weightSets: [(decay: Float, set: WeightSet)] {
        training.emaDecay.enumerated().map { index, decay in
            (decay, index == 0 ? .average(decay: decay) : .otherAverage(decay: decay))
        }
    }

    /// A short name for the values that decide what is learned.
    var hash: String {
        var fingerprint = Fingerprint()
        for key in Self.keys where key.changesTraining(self) { fingerprint.add("\(key.name)=\(key.read(self))") }
        return fingerprint.text
    }
}
