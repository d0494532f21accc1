import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors
import PixNerdText

/// A text encoder on disk as it is published: a Qwen3 or the encoder of a T5.
///
/// A directory with `config.json`, the weights as `model.safetensors` or in several files with an index, and
/// `tokenizer.json` or `spiece.model`. In a pipeline of diffusers the tokenizer is in a directory beside it.
public struct TextEncoderDirectory: Sendable {
    /// The directory that was given: of the encoder, or of a pipeline.
    public let path: String
    public let architecture: TextEncoderArchitecture
    public let weights: ShardedTensors
    /// A hash of the sizes and of the names, shapes, types and bytes of the weights, which identifies the encoder.
    ///
    /// Only 16 places of 4 KiB of a large tensor are hashed, so that no more than some MB are read. Other weights differ
    /// in all of them; a damaged file is not noticed.
    public let fingerprint: String

    /// The name of the file with the sizes.
    static let configurationName = "config.json"

    /// Opens a directory.
    ///
    /// - Parameter path: The directory of an encoder, or of a pipeline with `text_encoder` and `tokenizer`.
    /// - Throws: `PixNerdError` that names the file that is missing, damaged or not of a known encoder.
    public init(path: String) throws {
        self.path = path
        guard let isFolder = isFolder(path), isFolder else {
            throw PixNerdError(
                .notFound, found: isFolder(path) == nil ? "there is no text encoder \(path)" : "\(path) is a file",
                expected: "the directory of a Qwen3 or T5 with config.json, model.safetensors and tokenizer.json")
        }
        let directory = Self.encoder(in: path)
        let configuration = "\(directory)/\(Self.configurationName)"
        guard FileManager.default.fileExists(atPath: configuration) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "lacks \(Self.configurationName)",
                advice: "download the whole directory of a text encoder, such as Qwen3-1.7B")
        }
        architecture = try TextEncoderArchitecture(configuration: configuration)
        weights = try ShardedTensors(directory: directory)
        fingerprint = try Self.fingerprint(of: weights, architecture)
    }

    /// The directory of the encoder's weights: that of a pipeline has them in a directory of its own.
    private static func encoder(in path: String) -> String {
        let inside = "\(path)/text_encoder"
        let isPipeline = isFolder("\(path)/\(configurationName)") == nil && isFolder(inside) == true
        return isPipeline ? inside : path
    }

    /// Whether a path is a directory that looks like a text encoder, complete or not.
    public static func isTextEncoder(path: String) -> Bool {
        guard isFolder(path) == true, isFolder("\(path)/model_index.json") == nil else { return false }
        let kind = TextEncoderArchitecture.kind(configuration: "\(encoder(in: path))/\(configurationName)")
        guard let kind else { return false }
        return ["qwen", "t5", "umt5", "mt5"].contains { kind.hasPrefix($0) }
            || isFolder("\(path)/tokenizer.json") == false
    }

    /// Reads the tokenizer.
    ///
    /// - Throws: `PixNerdError` if its file is missing, damaged or asks for what is not supported, or if it has more
    ///   tokens than the model has rows for.
    public func tokenizer() throws -> Tokenizer {
        let tokenizer = try Tokenizer(path: path)
        guard tokenizer.idLimit <= architecture.vocabulary else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "has a tokenizer of \(tokenizer.idLimit) tokens and a model of \(architecture.vocabulary)",
                advice: "use the tokenizer that belongs to the model")
        }
        return tokenizer
    }

    /// Loads the model.
    ///
    /// - Parameter keepsWeights: Whether to convert the weights once and keep them, for many calls; see
    ///   `TextEncoderModel`.
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors, or `PixNerdError` if a tensor
    ///   cannot be read or no BLAS library can be loaded.
    public func load(keepsWeights: Bool) throws -> any TextEncoderModel {
        switch architecture {
        case .qwen3(let sizes): try Qwen3(sizes, source: weights, keepsWeights: keepsWeights)
        case .t5(let sizes): try T5Encoder(sizes, source: weights, keepsWeights: keepsWeights)
        }
    }

    /// The name of a tensor that is the same in all files of the encoder; nil for one that is not used.
    private static func canonicalName(
        _ name: String, in weights: ShardedTensors, _ architecture: TextEncoderArchitecture
    ) -> String? {
        switch architecture {
        case .qwen3:
            let prefix = Qwen3Names(in: weights).prefix
            guard name != Qwen3Names.head else { return nil }
            return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
        case .t5: return T5Names(in: weights).canonical(name)
        }
    }

    private static func fingerprint(
        of weights: ShardedTensors, _ architecture: TextEncoderArchitecture
    ) throws -> String {
        let (place, places) = (1 << 12, 16)
        var fingerprint = Fingerprint()
        fingerprint.add(try JSON.text(architecture))
        let names = weights.names.compactMap { name in
            canonicalName(name, in: weights, architecture).map { (canonical: $0, name: name) }
        }
        for (canonical, name) in names.sorted(by: { $0.canonical < $1.canonical }) {
            let elements = try weights.elements(of: name)
            fingerprint.add(canonical)
            fingerprint.add("\(elements.type.rawValue) \(elements.shape)")
            elements.withUnsafeBytes { bytes in
                guard bytes.count > place * places else { return fingerprint.add(bytes) }
                for number in 0..<places {
                    let start = (bytes.count - place) / (places - 1) * number
                    fingerprint.add(UnsafeRawBufferPointer(rebasing: bytes[start..<start + place]))
                }
                // Each place may have mapped a huge page.
                weights.releasePages()
            }
        }
        return fingerprint.text
    }
}

extension TextEncoderArchitecture {
    /// What a `config.json` says of its kind.
    private struct Configuration: Decodable {
        var modelType: String?
        var architectures: [String]?

        /// The kind: `model_type`, or what the class is named after.
        var kind: String? {
            modelType ?? (architectures?.contains { $0.hasPrefix("T5") } == true ? "t5" : nil)
        }
    }

    /// The kind of model that a `config.json` is of; nil if the file cannot be read or does not say it.
    static func kind(configuration path: String) -> String? {
        guard let text = try? configurationText(path) else { return nil }
        return (try? JSON.decoder(snakeCase: true).decode(Configuration.self, from: text))?.kind
    }

    /// Reads and checks a `config.json` of transformers.
    ///
    /// - Throws: `PixNerdError` if it is of no known encoder, asks for something that is not supported, or has impossible
    ///   sizes.
    init(configuration path: String) throws {
        switch Self.kind(configuration: path) {
        case "t5": self = .t5(try T5Architecture(configuration: path))
        case let kind? where kind != "qwen3":
            throw PixNerdError(
                .unsupported, "\(path)", found: "has the model_type '\(kind)'", expected: "qwen3 or t5",
                advice: "use a Qwen3, such as Qwen3-1.7B, a T5 v1.1 or a flan-T5")
        default: self = .qwen3(try Qwen3Architecture(configuration: path))
        }
    }
}
