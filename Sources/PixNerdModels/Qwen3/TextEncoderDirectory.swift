import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors
import PixNerdText

/// A Qwen3 on disk as it is published: a directory with `config.json`, the weights as `model.safetensors` or in several
/// files with an index, and `tokenizer.json`.
public struct TextEncoderDirectory: Sendable {
    public let path: String
    public let architecture: Qwen3Architecture
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
    /// - Throws: `PixNerdError` that names the file that is missing, damaged or not of a Qwen3.
    public init(path: String) throws {
        self.path = path
        guard let isFolder = isFolder(path), isFolder else {
            throw PixNerdError(
                .notFound, found: isFolder(path) == nil ? "there is no text encoder \(path)" : "\(path) is a file",
                expected: "the directory of a Qwen3 with config.json, model.safetensors and tokenizer.json")
        }
        let configuration = "\(path)/\(Self.configurationName)"
        guard FileManager.default.fileExists(atPath: configuration) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "lacks \(Self.configurationName)",
                advice: "download the whole directory of a Qwen3, such as Qwen3-1.7B")
        }
        architecture = try Qwen3Architecture(configuration: configuration)
        weights = try ShardedTensors(directory: path)
        fingerprint = try Self.fingerprint(of: weights, architecture)
    }

    /// Whether a path is a directory that looks like a text encoder, complete or not.
    public static func isTextEncoder(path: String) -> Bool {
        struct Configuration: Decodable {
            var modelType: String?
        }
        guard isFolder(path) == true, let text = try? configurationText("\(path)/\(configurationName)") else {
            return false
        }
        let kind = (try? JSON.decoder(snakeCase: true).decode(Configuration.self, from: text))?.modelType
        return kind?.hasPrefix("qwen") == true || isFolder("\(path)/tokenizer.json") == false
    }

    /// Reads the tokenizer.
    ///
    /// - Throws: `PixNerdError` if `tokenizer.json` is missing, damaged or asks for what is not supported, or if it has
    ///   more tokens than the model has rows for.
    public func tokenizer() throws -> Tokenizer {
        let tokenizer = try Tokenizer(path: path)
        guard tokenizer.idLimit <= architecture.vocabulary else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "has a tokenizer of \(tokenizer.idLimit) tokens and a model of \(architecture.vocabulary)",
                advice: "use the tokenizer.json that belongs to the model")
        }
        return tokenizer
    }

    /// Loads the model.
    ///
    /// - Parameter keepsWeights: Whether to convert the weights once and keep them, for many calls; see `Qwen3`.
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors, or `PixNerdError` if a tensor
    ///   cannot be read or no BLAS library can be loaded.
    public func load(keepsWeights: Bool) throws -> Qwen3 {
        try Qwen3(architecture, source: weights, keepsWeights: keepsWeights)
    }

    private static func fingerprint(of weights: ShardedTensors, _ architecture: Qwen3Architecture) throws -> String {
        let prefix = Qwen3Names(in: weights).prefix
        let (place, places) = (1 << 12, 16)
        var fingerprint = Fingerprint()
        fingerprint.add(try JSON.text(architecture))
        for name in weights.names.sorted() where name != Qwen3Names.head {
            let elements = try weights.elements(of: name)
            fingerprint.add(name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name)
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
