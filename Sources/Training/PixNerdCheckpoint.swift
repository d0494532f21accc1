import Checkpoints
import Foundation
import Models
import Tensors

/// Which of a checkpoint's two sets of weights is meant.
public enum WeightKind: String, Sendable, CaseIterable {
    /// The moving average, which samples better.
    case ema
    /// The weights that are trained.
    case raw

    /// What the names of these tensors begin with in published checkpoints.
    public var prefix: String {
        switch self {
        case .ema: "ema_denoiser."
        case .raw: "denoiser."
        }
    }

    /// The file of these weights in the directory of a saved step.
    var fileName: String {
        switch self {
        case .ema: "ema.safetensors"
        case .raw: "denoiser.safetensors"
        }
    }
}

/// A PixNerd on disk: a run directory, the directory of a step in one, or a `.safetensors` file.
public struct PixNerdCheckpoint {
    /// The file or the directory of the step.
    public let path: String
    private let sources: [WeightKind: TensorSubset]
    private let metadata: [String: String]

    /// Finds the weights; a run directory stands for its latest step.
    ///
    /// - Throws: one sentence that names what was found where.
    public init(path: String) throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CheckpointError("There is no checkpoint \(path).")
        }
        if isDirectory.boolValue {
            try self.init(directory: path)
        } else {
            try self.init(file: path)
        }
    }

    private init(directory: String) throws {
        var step = directory
        if !FileManager.default.fileExists(atPath: "\(directory)/\(WeightKind.raw.fileName)") {
            let run = RunDirectory(existing: directory)
            guard let latest = run.savedSteps.last else {
                throw CheckpointError(
                    "\(directory) is not a run with a saved step: it holds no step-* directory; "
                        + "name a run directory, a step in one, or a .safetensors file.")
            }
            step = run.stepPath(latest)
        }
        path = step
        var sources: [WeightKind: TensorSubset] = [:]
        var metadata: [String: String] = [:]
        for kind in WeightKind.allCases {
            let file = try SafetensorsFile(path: "\(step)/\(kind.fileName)")
            sources[kind] = TensorSubset(file, prefix: kind.prefix)
            metadata = file.metadata
        }
        self.sources = sources
        self.metadata = metadata
    }

    private init(file path: String) throws {
        let file = try SafetensorsFile(path: path)
        self.path = path
        metadata = file.metadata
        var sources: [WeightKind: TensorSubset] = [:]
        for kind in WeightKind.allCases where file.names.contains(where: { $0.hasPrefix(kind.prefix) }) {
            sources[kind] = TensorSubset(file, prefix: kind.prefix)
        }
        if sources.isEmpty {
            // A bare state dict: one set of weights, which serves as both.
            for kind in WeightKind.allCases { sources[kind] = TensorSubset(file, prefix: "") }
        }
        self.sources = sources
    }

    /// Names of the classes in the order of the labels, where the checkpoint holds them.
    public var classNames: [String]? {
        metadata["classes"].flatMap { try? JSONDecoder().decode([String].self, from: Data($0.utf8)) }
    }

    /// The side of the pictures of training, where the checkpoint holds it.
    public var imageSize: Int? { metadata["image_size"].flatMap { Int($0) } }

    /// Whether the checkpoint holds these weights.
    public func holds(_ kind: WeightKind) -> Bool { sources[kind] != nil }

    /// The model with these weights.
    ///
    /// - Throws: one sentence that names what is missing, left over or misshapen.
    public func load(_ kind: WeightKind, recomputesBlocks: Bool = false) throws -> PixNerd {
        guard let source = sources[kind] else {
            throw CheckpointError(
                "\(path) holds no \(kind.rawValue) weights: no tensor's name begins with \(kind.prefix)")
        }
        let model = try PixNerd(loading: source, recomputesBlocks: recomputesBlocks)
        if let bad = model.parameters.first(where: { !$0.value.isFinite }) {
            throw CheckpointError("\(source.origin): the weights \(bad.name) are not finite; use an earlier step.")
        }
        return model
    }
}
