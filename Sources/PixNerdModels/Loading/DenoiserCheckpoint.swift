import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// One of the two sets of weights in a checkpoint.
public enum WeightKind: String, Sendable, CaseIterable {
    /// The EMA of the weights, which samples better.
    case ema
    /// The trained weights.
    case raw

    /// Prefix of these tensors' names in published checkpoints.
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

/// A denoiser on disk: a run directory, the directory of a step in one, a `.safetensors` file, a PyTorch file (`.ckpt`,
/// `.pt`, `.pth`), or a directory of diffusers.
public struct DenoiserCheckpoint {
    /// The file or the directory of the step.
    public let path: String
    /// The file, or the two files of a step: trained and EMA weights.
    public let files: [TensorFile]
    /// Whether the checkpoint holds a single set of weights, without a prefix, which is used as both.
    public let isBare: Bool
    private var sources: [WeightKind: any TensorSource]
    /// Keeps the step of a run that goes on from being removed; nil for what is no newest step of a run.
    package let reading: StepReading?
    /// Metadata of the checkpoint, such as `classes` and `image_size`.
    public private(set) var metadata: [String: String]

    /// The checkpoint with what its tensors do not tell.
    ///
    /// - Parameter heads: Number of attention heads; nil if it is not known either.
    public func telling(heads: Int?) -> DenoiserCheckpoint {
        var told = self
        if let heads { told.metadata["num_heads"] = String(heads) }
        return told
    }

    /// LoRAs that are merged into a model when it is loaded.
    package private(set) var adapters: [AdapterUse] = []

    /// The checkpoint with LoRAs that are merged into a model when it is loaded.
    ///
    /// - Throws: `PixNerdError` if one cannot be read.
    public func adapted(by choices: [LoRAChoice]) throws -> DenoiserCheckpoint {
        var adapted = self
        adapted.adapters += try choices.map { try $0.load() }
        return adapted
    }

    /// The checkpoint with a ControlNet in the place of its own.
    ///
    /// - Parameter record: what it was trained on; nil if that is not known.
    func with(control: any TensorSource, _ record: ControlRecord?) -> DenoiserCheckpoint {
        var controlled = self
        controlled.sources = sources.mapValues { ControlledTensors($0, control: control) }
        controlled.metadata[ControlRecord.key] = record.flatMap { try? JSON.text($0) }
        return controlled
    }

    /// Prefix of a projector's tensor names in published checkpoints.
    public static let projectorPrefix = "diffusion_trainer."

    /// The metadata key of the autoencoder whose latents are diffused.
    package static let autoencoderKey = "autoencoder"

    /// The autoencoder whose latents are diffused; nil for pixels, or if the checkpoint does not say.
    public var autoencoder: AutoencoderIdentity? {
        metadata[Self.autoencoderKey].flatMap(AutoencoderIdentity.init(json:))
    }

    /// The projector of an aligned run; nil if the checkpoint holds none.
    ///
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors.
    public func projector() throws -> Projector? {
        let prefix = Self.projectorPrefix
        guard let file = files.first(where: { $0.names.contains { $0.hasPrefix(prefix) } }) else { return nil }
        return try Projector(loading: TensorSubset(file, prefix: prefix))
    }

    /// Opens the files of a checkpoint; a run directory means its latest step.
    ///
    /// - Throws: `PixNerdError` if there is no checkpoint at the path or it cannot be read.
    public init(path: String) throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw PixNerdError(.notFound, found: "There is no checkpoint \(path)")
        }
        if !isDirectory.boolValue {
            try self.init(file: path)
        } else if let published = try DiffusersDirectory(path: path) {
            try self.init(file: published.weights, published.metadata)
        } else {
            try self.init(directory: path)
        }
        // Foreign files may have any text under this key.
        if let text = metadata[Self.autoencoderKey], text.hasPrefix("{"), autoencoder == nil {
            throw PixNerdError(
                .malformed, "\(self.path):", found: "its metadata \(Self.autoencoderKey) is damaged",
                expected: "an autoencoder with its latent_channels, reduction and scale",
                advice: "use another copy of the checkpoint")
        }
    }

    private init(directory: String) throws {
        var (step, reading) = (directory, nil as StepReading?)
        if !FileManager.default.fileExists(atPath: "\(directory)/\(WeightKind.raw.fileName)") {
            let run = RunDirectory(existing: directory)
            guard let newest = run.readNewestStep() else {
                throw PixNerdError(
                    .notFound, "\(directory)",
                    found: "is not a run with a saved step: it holds no step-* directory",
                    expected: "a run directory, a step in one, or a checkpoint file")
            }
            (step, reading) = newest
        }
        self.reading = reading
        path = step
        isBare = false
        var sources: [WeightKind: any TensorSource] = [:]
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

    /// - Parameter told: what other files say about this one, which its own metadata outranks.
    private init(file path: String, _ told: [String: String] = [:]) throws {
        let file = try TensorFile.open(path: path)
        self.path = path
        reading = nil
        files = [file]
        metadata = file.metadata.merging(told) { own, _ in own }
        var sources: [WeightKind: any TensorSource] = [:]
        for kind in WeightKind.allCases where file.names.contains(where: { $0.hasPrefix(kind.prefix) }) {
            sources[kind] = TensorSubset(file, prefix: kind.prefix)
        }
        isBare = sources.isEmpty
        if isBare {
            // A bare state dict: one set of weights, used as both.
            let whole: any TensorSource =
                ControlledTensors.isPublished(file) ? ControlledTensors(file) : TensorSubset(file, prefix: "")
            for kind in WeightKind.allCases { sources[kind] = whole }
        }
        self.sources = sources
    }

    /// Class names by label; nil if the checkpoint has none.
    public var classNames: [String]? {
        metadata["classes"].flatMap { JSON.value([String].self, from: $0) }
    }

    package static let imageSizeKey = "image_size"
    package static let bucketsKey = "image_sizes"

    /// Size of the training images; nil if the checkpoint does not say. Of several sizes it is the usual one.
    public var imageSize: ImageSize? { metadata[Self.imageSizeKey].flatMap(Self.size) }

    /// All sizes of the training images; empty if there is one, or the checkpoint does not say.
    public var imageSizes: [ImageSize] {
        (metadata[Self.bucketsKey] ?? "").split(separator: ",").compactMap(Self.size)
    }

    /// A size from metadata; nil if no image has it.
    private static func size(_ text: some StringProtocol) -> ImageSize? {
        ImageSize(text: text).flatMap { $0.isPossible ? $0 : nil }
    }

    /// The metadata key of `takesSets`.
    package static let setsKey = "label_sets"

    /// Whether the images of training had several classes each, or none at all.
    public var takesSets: Bool { metadata[Self.setsKey] == "true" }

    /// The numbers that the model is told of each image; none if the checkpoint does not say.
    ///
    /// - Throws: `PixNerdError` if the entry of the metadata is damaged.
    public var values: [TrainedValue] { get throws { try TrainedValue.all(metadata, origin: path) } }

    /// A side in pixels from metadata; nil if no image has it.
    private static func side(_ text: some StringProtocol) -> Int? {
        Int(text).flatMap { (1...SizeLimits.side).contains($0) ? $0 : nil }
    }

    package static let fieldSizesKey = "field_sizes"

    /// Image sides in pixels, besides `imageSize`, at which fields were decoded in training; empty if there are none or
    /// the checkpoint does not say.
    public var fieldSizes: [Int] {
        (metadata[Self.fieldSizesKey] ?? "").split(separator: ",").compactMap(Self.side)
    }

    /// Channels of the diffused data; nil if the checkpoint does not say.
    package var channels: Int? {
        struct Sizes: Decodable {
            let channels: Int
            enum CodingKeys: String, CodingKey { case channels = "in_channels" }
        }
        return metadata["architecture"].flatMap { JSON.value(Sizes.self, from: $0)?.channels }
    }

    /// Whether the checkpoint holds these weights.
    public func holds(_ kind: WeightKind) -> Bool { sources[kind] != nil }

    /// The weights to use: `asked` if given, else EMA weights if the checkpoint has them, else raw weights.
    public func preferred(_ asked: WeightKind?) -> WeightKind { asked ?? (holds(.ema) ? .ema : .raw) }

    /// A message for when raw weights are used because there are no EMA weights.
    public var noEMANotice: String { "\(path) holds no EMA weights (ema_denoiser.*); the raw weights are used." }

    /// The path of the file that holds these weights.
    public func file(of kind: WeightKind) -> String {
        files.count == 1 ? files[0].path : "\(path)/\(kind.fileName)"
    }

    /// The tensors of these weights, without a prefix.
    ///
    /// - Throws: `PixNerdError` if the checkpoint does not hold them.
    public func tensors(_ kind: WeightKind) throws -> any TensorSource {
        guard let source = sources[kind] else {
            throw PixNerdError(
                .notFound, "\(path)",
                found: "holds no \(kind.rawValue) weights: no tensor's name begins with \(kind.prefix)")
        }
        return source
    }

    /// The architecture of these weights.
    ///
    /// - Parameter expected: Channels of the data, used if the checkpoint does not say; nil to infer them from its
    ///   shapes.
    /// - Throws: `PixNerdError` naming the tensor that is missing or has an impossible shape.
    public func architecture(
        _ kind: WeightKind, channels expected: Int? = nil
    ) throws -> any DenoiserArchitecture {
        try KnownDenoisers.architecture(of: tensors(kind), metadata: metadata, channels: channels ?? expected)
    }

    /// The model with these weights.
    ///
    /// - Parameter expected: Channels of the data, used if the checkpoint does not say; nil to infer them from its
    ///   shapes.
    /// - Throws: `PixNerdError` or `CheckpointMismatch` that names what is missing, unexpected or misshapen.
    public func load(
        _ kind: WeightKind, channels expected: Int? = nil, recomputesBlocks: Bool = false
    ) throws -> any Denoiser {
        let architecture = try architecture(kind, channels: expected)
        let tensors = try modelTensors(kind, architecture)
        let model = try architecture.load(tensors, recomputesBlocks: recomputesBlocks)
        let bad = (model.parameters + model.constants).first { parameter in
            // The check reads all weights once; those of a large file need not stay in memory for it.
            defer { parameter.value.releasePages() }
            return !parameter.value.isFinite
        }
        if let bad {
            throw PixNerdError(
                .notFinite, "\(tensors.origin):", found: "the weights \(bad.name) are not finite",
                advice: "use an earlier step")
        }
        return model
    }

    /// The text encoder that the model was trained with; nil for other models, or if the checkpoint does not say.
    public var textEncoder: RecordedTextEncoder? { RecordedTextEncoder(metadata) }

    /// The conditioner that turns prompts into the condition of this checkpoint's model.
    ///
    /// - Throws: `PixNerdError` if the class names or the text encoder do not fit the model.
    public func conditioner(
        of architecture: any DenoiserArchitecture, text: TextEncoderUse = TextEncoderUse()
    ) throws -> any Conditioner {
        try architecture.conditioner(
            ConditionerSources(
                classNames: classNames, takesSets: takesSets, values: try values, text: text, origin: path))
    }
}
