import Checkpoints
import Foundation
import Layers
import Models
import Tensors

/// Everything that a run needs to go on: weights, moving average, optimiser and step.
public struct TrainingState {
    public let model: PixNerd
    public let optimizer: AdamW
    public let average: MovingAverage
    /// Steps taken.
    public var step: Int

    /// What `state.json` holds.
    private struct Record: Codable {
        var step: Int
        var samples: Int
        var seed: UInt64
    }

    /// A new run.
    public init(fresh configuration: Configuration) throws {
        model = PixNerd(try configuration.architecture(), seed: configuration.seed)
        optimizer = AdamW(model.parameters, settings: configuration.optimizer)
        average = MovingAverage(
            decay: configuration.training.emaDecay, startingFrom: model.parameters.map(\.value))
        step = 0
    }

    /// The state that was saved under `directory`.
    ///
    /// - Throws: one sentence that names the file and what is wrong with it.
    public init(loading directory: String, configuration: Configuration) throws {
        let json = try? Data(contentsOf: URL(fileURLWithPath: "\(directory)/state.json"))
        guard let record = json.flatMap({ try? JSONDecoder().decode(Record.self, from: $0) }), record.step >= 0 else {
            throw CheckpointError("\(directory)/state.json cannot be read as the state of a run; use another step.")
        }
        let checkpoint = try PixNerdCheckpoint(path: directory)
        model = try checkpoint.load(.raw)
        let wanted = try configuration.architecture()
        guard model.architecture == wanted else {
            throw TrainingError(
                "\(directory) holds a model of other sizes than the configuration asks for; "
                    + "resume with the run's own model section, or give the new run a name of its own.")
        }
        average = MovingAverage(
            decay: configuration.training.emaDecay, startingFrom: try checkpoint.load(.ema).parameters.map(\.value))
        optimizer = AdamW(model.parameters, settings: configuration.optimizer)
        step = record.step
        try restoreOptimizer(from: directory)
    }

    private func restoreOptimizer(from directory: String) throws {
        let file = try SafetensorsFile(path: "\(directory)/optimizer.safetensors")
        func moments(_ prefix: String) throws -> [Tensor] {
            try model.parameters.map { parameter in
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
        ]
        let names = model.parameters.map(\.name)
        func write(_ kind: WeightKind, _ tensors: [Tensor]) throws {
            try SafetensorsWriter.write(
                zip(names, tensors).map { (kind.prefix + $0, $1) }, metadata: metadata,
                to: "\(directory)/\(kind.fileName)")
        }
        try write(.raw, model.parameters.map(\.value))
        try write(.ema, average.values)
        try SafetensorsWriter.write(
            zip(names, optimizer.firstMoments).map { ("first_moment.\($0)", $1) }
                + zip(names, optimizer.secondMoments).map { ("second_moment.\($0)", $1) },
            metadata: ["step": String(step)], to: "\(directory)/optimizer.safetensors")
        let record = Record(
            step: step, samples: step * configuration.training.batchSize, seed: configuration.seed)
        let json = try encoder.encode(record)
        try AtomicFile.write(to: "\(directory)/state.json") { file in
            try json.withUnsafeBytes { try file.append($0) }
        }
    }

    /// Runs `body` with the moving average in place of the weights.
    public func withAverage<R>(_ body: () throws -> R) rethrows -> R {
        let raw = model.parameters.map(\.value)
        for (parameter, value) in zip(model.parameters, average.values) { parameter.value = value }
        defer { for (parameter, value) in zip(model.parameters, raw) { parameter.value = value } }
        return try body()
    }
}
