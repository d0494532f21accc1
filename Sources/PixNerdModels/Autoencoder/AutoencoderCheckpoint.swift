import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// An AutoencoderKL on disk: a directory as diffusers saves it (`config.json` and the weights), or a file of weights.
public struct AutoencoderCheckpoint {
    /// The file, or the directory that its weights lie in.
    public let path: String
    /// The file with the weights.
    public let file: TensorFile
    public let architecture: AutoencoderArchitecture
    /// What brings the latents to deviation 1; nil where no configuration says.
    public let scale: LatentScale?
    private let tensors: AutoencoderNames

    /// The files of weights in a directory of diffusers', the preferred first.
    private static let weightFiles = [
        "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
        "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.fp16.bin",
    ]

    /// Where a directory's weights may lie: in it, in a pipeline's part, or in a run's latest step.
    private static let places = ["", "/vae", "/latest"]

    /// Finds configuration and weights; the directory of a whole pipeline stands for its `vae`, that of a run for its
    /// latest step.
    ///
    /// The configuration of a file of weights is the `config.json` beside it, or what its metadata holds under
    /// `config`; where there is neither, sizes are read off the tensors and the scale stays unknown.
    ///
    /// - Throws: one sentence that names what was found where.
    public init(path: String) throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CheckpointError("There is no autoencoder \(path).")
        }
        guard isDirectory.boolValue else {
            try self.init(path: path, file: path, configuration: (path as NSString).deletingLastPathComponent)
            return
        }
        let candidates = Self.places.map { path + $0 }
        guard let directory = candidates.first(where: { Self.weights(in: $0) != nil }),
            let weights = Self.weights(in: directory)
        else {
            throw CheckpointError(
                "\(path) is not an autoencoder: neither it nor its vae or latest directory holds \(Self.weightFiles[0]) or "
                    + "\(Self.weightFiles[1]).")
        }
        // What "latest" stands for changes while a run goes on.
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: directory)
        let place = link.map {
            ((directory as NSString).deletingLastPathComponent as NSString).appendingPathComponent($0)
        }
        try self.init(path: place ?? directory, file: weights, configuration: directory)
    }

    private init(path: String, file: String, configuration directory: String) throws {
        let file = try TensorFile.open(path: file)
        let tensors = AutoencoderNames(file)
        let configuration = try Self.configuration(file: file, directory: directory)
        self.path = path
        self.file = file
        self.tensors = tensors
        if let configuration {
            (architecture, scale) = try configuration.read()
        } else {
            (architecture, scale) = (try AutoencoderArchitecture(readFrom: tensors), nil)
        }
    }

    private static func weights(in directory: String) -> String? {
        weightFiles.map { "\(directory)/\($0)" }.first { FileManager.default.fileExists(atPath: $0) }
    }

    private static func configuration(file: TensorFile, directory: String) throws -> AutoencoderConfiguration? {
        if let text = file.metadata["config"] {
            return AutoencoderConfiguration(origin: "\(file.path) (config)", json: Data(text.utf8))
        }
        let path = (directory as NSString).appendingPathComponent("config.json")
        guard let json = FileManager.default.contents(atPath: path) else { return nil }
        return AutoencoderConfiguration(origin: path, json: json)
    }

    /// Whether `path` looks like an autoencoder: a directory with its weights, or a file that holds one.
    public static func isAutoencoder(path: String) -> Bool {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return false }
        if isDirectory.boolValue { return places.contains { weights(in: path + $0) != nil } }
        guard let file = try? TensorFile.open(path: path) else { return false }
        let names = Set(AutoencoderNames(file).names)
        return names.isSuperset(of: ["encoder.conv_in.weight", "decoder.conv_in.weight"])
    }

    /// What a person would call it; nil where it is of no published kind.
    public var knownName: String? { KnownAutoencoder.name(of: architecture, scale: scale) }

    /// The model with its weights.
    ///
    /// - Throws: one sentence that names what is missing, left over, misshapen or not finite.
    public func load() throws -> Autoencoder {
        let model = try Autoencoder(architecture, loading: tensors)
        if let bad = model.parameters.first(where: { !$0.value.isFinite }) {
            throw CheckpointError("\(file.path): the weights \(bad.name) are not finite; use another file.")
        }
        return model
    }

    /// The same, which must be of pictures of three channels.
    ///
    /// - Throws: besides, one sentence where it is of others.
    public func loadForColour() throws -> Autoencoder {
        guard architecture.channels == 3 else {
            throw CheckpointError(
                "\(path) is an autoencoder of pictures of \(architecture.channels) channels; use one of colour pictures, "
                    + "which have 3.")
        }
        return try load()
    }
}

/// A `config.json` of diffusers'.
struct AutoencoderConfiguration {
    let origin: String
    let json: Data

    /// What decides whether the class is one that is built here.
    private struct Kind: Decodable {
        var className: String?
        var activation: String?
        var downBlocks: [String]?
        var upBlocks: [String]?
        var outChannels: Int?
        var channels: Int?

        enum CodingKeys: String, CodingKey {
            case className = "_class_name"
            case activation = "act_fn"
            case downBlocks = "down_block_types"
            case upBlocks = "up_block_types"
            case outChannels = "out_channels"
            case channels = "in_channels"
        }

        /// What is not as expected: the key, what it is, and what it must be.
        var problem: (key: String, found: String, expected: String)? {
            if let className, className != "AutoencoderKL" { return ("_class_name", className, "AutoencoderKL") }
            if let activation, activation != "silu" { return ("act_fn", activation, "silu") }
            if let other = downBlocks?.first(where: { $0 != "DownEncoderBlock2D" }) {
                return ("down_block_types", other, "DownEncoderBlock2D")
            }
            if let other = upBlocks?.first(where: { $0 != "UpDecoderBlock2D" }) {
                return ("up_block_types", other, "UpDecoderBlock2D")
            }
            if let outChannels, outChannels != channels ?? 3 {
                return ("out_channels", String(outChannels), "in_channels, \(channels ?? 3)")
            }
            return nil
        }
    }

    /// - Throws: `CheckpointError` naming the configuration and the key.
    func read() throws -> (AutoencoderArchitecture, LatentScale) {
        let decoder = JSONDecoder()
        do {
            if let problem = try decoder.decode(Kind.self, from: json).problem {
                throw CheckpointError(
                    "\(origin): \(problem.key) is \(problem.found); an autoencoder is read where it is "
                        + "\(problem.expected).")
            }
            let architecture = try decoder.decode(AutoencoderArchitecture.self, from: json)
            let scale = try decoder.decode(LatentScale.self, from: json)
            try scale.validate(channels: architecture.latentChannels)
            return (architecture, scale)
        } catch let error as ArchitectureError {
            throw CheckpointError("\(origin): \(error.description)")
        } catch let error as DecodingError {
            throw CheckpointError("\(origin) is not the configuration of an autoencoder: \(error.sentence)")
        }
    }
}

extension DecodingError {
    /// What is wrong where, ending the sentence.
    fileprivate var sentence: String {
        func key(_ context: Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch self {
        case .typeMismatch(let type, let context): return "\(key(context)) is not \(type)."
        case .valueNotFound(let type, let context): return "\(key(context)) is null, \(type) is expected."
        case .keyNotFound(let missing, _): return "\(missing.stringValue) is missing."
        default: return "it is not JSON."
        }
    }
}
