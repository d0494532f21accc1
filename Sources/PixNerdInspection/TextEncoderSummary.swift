import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport

/// A description of a text encoder's directory.
public struct TextEncoderSummary: Encodable {
    public let path: String
    /// Names of the files with weights.
    public let files: [String]
    /// Bytes of the files with weights.
    public let bytes: Int
    /// What the comparison of the files with their fingerprints found.
    public let integrity: String
    public let tensors: [CheckpointSummary.TensorLine]
    /// Name of the size, such as "Qwen3-1.7B" or "T5-XXL"; "Qwen3" or "T5" for others.
    public let name: String
    public let architecture: TextEncoderArchitecture
    /// Number of parameters that the encoder uses.
    public let parameters: Int
    /// A hash of the weights, which identifies the encoder of checkpoints and cached texts.
    public let fingerprint: String
    /// Why the encoder cannot be used, as one sentence; nil if it can.
    public let problem: String?
    /// Number of tokens L for which cost and memory are computed.
    public let length: Int
    /// Multiply-adds for one prompt.
    public let multiplyAdds: Int
    /// Bytes of the rows of one prompt.
    public let rowBytes: Int
    /// Bytes of all weights but the table of tokens as float32, if they are kept in memory for many prompts; nil if they
    /// are too large and are read from the file for each group of prompts.
    public let keptBytes: Int?

    enum CodingKeys: String, CodingKey {
        case path, files, bytes, integrity, tensors, name, architecture, parameters, fingerprint, problem, length
        case multiplyAdds = "multiply_adds"
        case rowBytes = "row_bytes"
        case keptBytes = "kept_bytes"
    }

    /// - Parameters:
    ///   - directory: The directory to describe.
    ///   - length: Number of tokens L for which cost and memory are computed.
    ///   - name: Returns the program's names of the settings that `problem` refers to.
    /// - Throws: `PixNerdError` if a file with weights does not fit its own fingerprint.
    public init(
        _ directory: TextEncoderDirectory, length: Int = 128, naming name: (Setting) -> String = { $0.rawValue }
    ) throws {
        let (weights, architecture) = (directory.weights, directory.architecture)
        path = directory.path
        files = weights.files.map { String($0.path.dropFirst(weights.path.count + 1)) }
        bytes = weights.size
        integrity = try CheckpointSummary.integrity(of: weights.files)
        tensors = weights.names.map {
            CheckpointSummary.TensorLine(
                name: $0, dtype: weights.elementType(of: $0)?.rawValue ?? "", shape: weights.shape(of: $0) ?? [])
        }
        self.name = architecture.name
        self.architecture = architecture
        parameters = architecture.parameterCount
        fingerprint = directory.fingerprint
        self.length = length
        multiplyAdds = architecture.multiplyAdds(length: length)
        rowBytes = (4 * CheckedInt(length) * CheckedInt(architecture.width)).clamped
        keptBytes = architecture.widenedBytes <= Qwen3.mostKeptBytes ? architecture.widenedBytes : nil
        do {
            _ = try directory.load(keepsWeights: false)
            problem = nil
        } catch let error as PixNerdError {
            problem = error.sentence(naming: name)
        } catch {
            problem = "\(error)"
        }
    }
}
