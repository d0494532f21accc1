import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

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
    package var fileName: String {
        switch self {
        case .ema: "ema.safetensors"
        case .raw: "denoiser.safetensors"
        }
    }
}

/// A denoiser on disk: a run directory, the directory of a step in one, a `.safetensors` file, or a file of PyTorch's
/// (`.ckpt`, `.pt`, `.pth`).
public struct DenoiserCheckpoint {
    /// The file or the directory of the step.
    public let path: String
    /// The file, or the two of a step: trained weights and moving average.
    public let files: [TensorFile]
    /// Whether it holds one set of weights, without a prefix, which serves as both.
    public let isBare: Bool
    private let sources: [WeightKind: TensorSubset]
    /// Strings about the checkpoint, such as `classes` and `image_size`.
    public let metadata: [String: String]

    /// What the names of a projector's tensors begin with in published checkpoints.
    public static let projectorPrefix = "diffusion_trainer."

    /// The key of the metadata that says whose latents are diffused.
    package static let autoencoderKey = "autoencoder"

    /// Whose latents are diffused; nil for pixels, or where the checkpoint does not say it.
    public var autoencoder: AutoencoderIdentity? {
        metadata[Self.autoencoderKey].flatMap(AutoencoderIdentity.init(json:))
    }

    /// The projector that tokens were aligned by; nil where the checkpoint holds none.
    ///
    /// - Throws: one sentence that names what is missing, left over or misshapen.
    public func projector() throws -> Projector? {
        let prefix = Self.projectorPrefix
        guard let file = files.first(where: { $0.names.contains { $0.hasPrefix(prefix) } }) else { return nil }
        return try Projector(loading: TensorSubset(file, prefix: prefix))
    }

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
                        + "name a run directory, a step in one, or a checkpoint file.")
            }
            step = run.stepPath(latest)
        }
        path = step
        isBare = false
        var sources: [WeightKind: TensorSubset] = [:]
        var metadata: [String: String] = [:]
        var files: [TensorFile] = []
        for kind in WeightKind.allCases {
            let file = try TensorFile.open(path: "\(step)/\(kind.fileName)")
            sources[kind] = TensorSubset(file, prefix: kind.prefix)
            metadata = file.metadata
            files.append(file)
        }
        self.files = files
        self.sources = sources
        self.metadata = metadata
    }

    private init(file path: String) throws {
        let file = try TensorFile.open(path: path)
        self.path = path
        files = [file]
        metadata = file.metadata
        var sources: [WeightKind: TensorSubset] = [:]
        for kind in WeightKind.allCases where file.names.contains(where: { $0.hasPrefix(kind.prefix) }) {
            sources[kind] = TensorSubset(file, prefix: kind.prefix)
        }
        isBare = sources.isEmpty
        if isBare {
            // A bare state dict: one set of weights, which serves as both.
            for kind in WeightKind.allCases { sources[kind] = TensorSubset(file, prefix: "") }
        }
        self.sources = sources
    }

    /// Names of the classes in the order of the labels, where the checkpoint holds them.
    public var classNames: [String]? {
        metadata["classes"].flatMap { JSON.value([String].self, from: $0) }
    }

    /// The side of the pictures of training, where the checkpoint holds it.
    public var imageSize: Int? { metadata["image_size"].flatMap { Int($0) } }

    package static let fieldSizesKey = "field_sizes"

    /// Sides in pixels at which patches were decoded in training besides that of the pictures; empty for none, or where the
    /// checkpoint does not say it.
    public var fieldSizes: [Int] {
        (metadata[Self.fieldSizesKey] ?? "").split(separator: ",").compactMap { Int($0) }
    }

    /// Channels of what is diffused, where the checkpoint says it.
    package var channels: Int? {
        struct Sizes: Decodable {
            let channels: Int
            enum CodingKeys: String, CodingKey { case channels = "in_channels" }
        }
        return metadata["architecture"].flatMap { JSON.value(Sizes.self, from: $0)?.channels }
    }

    /// Whether the checkpoint holds these weights.
    public func holds(_ kind: WeightKind) -> Bool { sources[kind] != nil }

    /// The weights to use: those that are asked for, else EMA weights, else what there is.
    public func preferred(_ asked: WeightKind?) -> WeightKind { asked ?? (holds(.ema) ? .ema : .raw) }

    /// A remark where raw weights are used because there are no others.
    public var noEMANotice: String { "\(path) holds no EMA weights (ema_denoiser.*); the raw weights are used." }

    /// The path of the file that holds these weights.
    public func file(of kind: WeightKind) -> String {
        files.count == 1 ? files[0].path : "\(path)/\(kind.fileName)"
    }

    /// The tensors of these weights, without a prefix.
    ///
    /// - Throws: one sentence where the checkpoint does not hold them.
    public func tensors(_ kind: WeightKind) throws -> TensorSubset {
        guard let source = sources[kind] else {
            throw CheckpointError(
                "\(path) holds no \(kind.rawValue) weights: no tensor's name begins with \(kind.prefix)")
        }
        return source
    }

    /// The architecture of these weights.
    ///
    /// - Parameter channels: Channels of the data, where the checkpoint does not say it; nil for what its shapes allow.
    /// - Throws: `PixNerdError` naming the tensor that is missing or makes no sense.
    public func architecture(
        _ kind: WeightKind, channels expected: Int? = nil
    ) throws -> any DenoiserArchitecture {
        try KnownDenoisers.architecture(of: tensors(kind), metadata: metadata, channels: channels ?? expected)
    }

    /// The model with these weights.
    ///
    /// - Parameter channels: Channels of the data, where the checkpoint does not say it; nil for what its shapes allow.
    /// - Throws: `PixNerdError` or `CheckpointMismatch` that names what is missing, unexpected or misshapen.
    public func load(
        _ kind: WeightKind, channels expected: Int? = nil, recomputesBlocks: Bool = false
    ) throws -> any Denoiser {
        let tensors = try tensors(kind)
        let model = try architecture(kind, channels: expected).load(tensors, recomputesBlocks: recomputesBlocks)
        if let bad = model.parameters.first(where: { !$0.value.isFinite }) {
            throw PixNerdError(
                .notFinite, "\(tensors.origin):", found: "the weights \(bad.name) are not finite",
                advice: "use an earlier step")
        }
        return model
    }

    /// What turns prompts into the condition of this checkpoint's model.
    public func conditioner(of architecture: any DenoiserArchitecture) throws -> any Conditioner {
        try architecture.conditioner(classNames: classNames, origin: path)
    }
}

extension DenoiserCheckpoint {
    /// What turns the checkpoint into one file.
    ///
    /// - Parameters:
    ///   - kind: weights that become a state dict without a prefix; where nil everything keeps its name.
    ///   - type: of floating-point tensors; where nil each keeps its own.
    /// - Throws: one sentence where there are no such weights.
    public func conversion(_ kind: WeightKind?, type: ElementType?) throws -> CheckpointConversion {
        var conversion = CheckpointConversion(type: type)
        if let kind { _ = try tensors(kind) }
        for file in files { try conversion.add(file, prefix: isBare ? "" : kind?.prefix ?? "") }
        guard !conversion.isEmpty else { throw CheckpointError("\(path) holds no tensors that are read.") }
        return conversion
    }

    /// The metadata, with the architecture where it can be read off the tensors.
    public var describedMetadata: [String: String] {
        var described = metadata
        for kind in WeightKind.allCases where described["architecture"] == nil {
            guard let json = try? JSON.text(architecture(kind)) else { continue }
            described["architecture"] = json
        }
        return described
    }
}
