import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// An AutoencoderKL on disk: a directory saved by diffusers (`config.json` and weights), or a file of weights.
public struct AutoencoderCheckpoint {
    /// The path of the file, or of the directory with the weights.
    public let path: String
    /// The file with the weights.
    public let file: TensorFile
    public let architecture: AutoencoderArchitecture
    /// The scale that brings latents to standard deviation 1; nil without a configuration.
    public let scale: LatentScale?
    /// The configuration as JSON; nil if there is none.
    package let configuration: Data?
    private let tensors: AutoencoderNames

    /// Names of weight files in a diffusers directory, in order of preference.
    private static let weightFiles = [
        "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
        "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.fp16.bin",
    ]

    /// Subdirectories that may hold the weights: none, the VAE of a pipeline, the latest step of a run.
    private static let places = ["", "/vae", "/latest"]

    /// Opens a weight file or a directory: of an autoencoder, of a pipeline (its `vae`) or of a run (its latest step).
    ///
    /// The configuration of a weight file is its metadata entry `config`, or else the `config.json` next to it. Without
    /// either, the sizes are inferred from the tensors and the scale is unknown.
    ///
    /// - Throws: `PixNerdError` that names the path and what was found there.
    public init(path: String) throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw PixNerdError(.notFound, found: "there is no autoencoder \(path)")
        }
        guard isDirectory.boolValue else {
            try self.init(path: path, file: path, configuration: (path as NSString).deletingLastPathComponent)
            return
        }
        let candidates = Self.places.map { path + $0 }
        guard let directory = candidates.first(where: { Self.weights(in: $0) != nil }),
            let weights = Self.weights(in: directory)
        else {
            throw PixNerdError(
                .notFound, "\(path)", found: "is not an autoencoder",
                expected: "\(Self.weightFiles[0]) or \(Self.weightFiles[1]) in it or in its vae or latest directory")
        }
        // Resolve "latest", whose target changes during a run.
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
        self.configuration = configuration?.json
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
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return AutoencoderConfiguration(origin: path, json: try configurationText(path))
    }

    /// Whether `path` looks like an autoencoder: a directory with its weights, or a file with its tensors.
    public static func isAutoencoder(path: String) -> Bool {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return false }
        if isDirectory.boolValue { return places.contains { weights(in: path + $0) != nil } }
        guard let file = try? TensorFile.open(path: path) else { return false }
        let names = Set(AutoencoderNames(file).names)
        return names.isSuperset(of: ["encoder.conv_in.weight", "decoder.conv_in.weight"])
    }

    /// The name of the published autoencoder with this shape and scale; nil if there is none.
    public var knownName: String? { KnownAutoencoder.name(of: architecture, scale: scale) }

    /// Loads the model.
    ///
    /// - Throws: `CheckpointMismatch` with missing, unexpected and misshapen tensors, or `PixNerdError` that names a
    ///   tensor with values that are not finite.
    public func load() throws -> Autoencoder {
        let model = try Autoencoder(architecture, loading: tensors)
        if let bad = model.parameters.first(where: { !$0.value.isFinite }) {
            throw PixNerdError(
                .notFinite, "\(file.path): the weights \(bad.name)", found: "are not finite",
                advice: "use another file")
        }
        return model
    }
}

/// A diffusers `config.json`.
struct AutoencoderConfiguration {
    let origin: String
    let json: Data

    /// The keys that decide whether this package can build the model.
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

        /// The first unsupported value: its key, the value, and the supported value.
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

    /// - Throws: `PixNerdError` that names the configuration and the key.
    func read() throws -> (AutoencoderArchitecture, LatentScale) {
        let decoder = JSONDecoder()
        do {
            if let problem = try decoder.decode(Kind.self, from: json).problem {
                throw PixNerdError(
                    .unsupported, "\(problem.key)", found: "is \(problem.found)", expected: "\(problem.expected)")
            }
            let architecture = try decoder.decode(AutoencoderArchitecture.self, from: json)
            let scale = try decoder.decode(LatentScale.self, from: json)
            try scale.validate(channels: architecture.latentChannels)
            return (architecture, scale)
        } catch let error as PixNerdError {
            throw PixNerdError(
                error.kind, "\(origin): \(error.subject ?? "the configuration")", found: error.found,
                expected: error.expected, advice: error.advice)
        } catch let error as DecodingError {
            throw PixNerdError(
                .malformed, "\(origin)", found: "is not the configuration of an autoencoder: \(error.reason)")
        }
    }
}

extension DecodingError {
    /// The key and what is wrong with it, as the end of a sentence without its full stop.
    fileprivate var reason: String {
        func key(_ context: Context) -> String {
            context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        switch self {
        case .typeMismatch(let type, let context): return "\(key(context)) is not \(Self.name(of: type))"
        case .valueNotFound(let type, let context): return "\(key(context)) is null and not \(Self.name(of: type))"
        case .keyNotFound(let missing, _): return "\(missing.stringValue) is missing"
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            return "\(key(context)) is a number that is too large or not whole"
        default: return "it is not JSON"
        }
    }

    private static func name(of type: Any.Type) -> String {
        switch type {
        case is Bool.Type: "true or false"
        case is Int.Type: "a whole number"
        case is Float.Type, is Double.Type: "a number"
        case is String.Type: "a text"
        case is [String: Any].Type: "a list of keys"
        default: "of the expected kind"
        }
    }
}
