import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// A DINOv2 on disk: a file under torch.hub's or transformers' names, or a directory that transformers wrote
/// (`config.json` and `model.safetensors`).
public struct DINOv2File {
    public let path: String
    public let tensors: TensorFile
    /// What `config.json` says, of a directory.
    private let configuration: Configuration?

    /// What is needed of transformers' configuration; the rest is read off the tensors.
    private struct Configuration: Decodable {
        var modelType: String
        var heads: Int
        var epsilon: Float?
        var activation: String?

        enum CodingKeys: String, CodingKey {
            case modelType = "model_type"
            case heads = "num_attention_heads"
            case epsilon = "layer_norm_eps"
            case activation = "hidden_act"
        }
    }

    /// Opens a file or a directory.
    ///
    /// - Throws: one sentence that names what was found where.
    public init(path: String) throws {
        self.path = path
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CheckpointError(
                "There is no encoder \(path); name a DINOv2 file of torch.hub, such as dinov2_vitb14_pretrain.pth, or a "
                    + "directory of transformers.")
        }
        guard isDirectory.boolValue else {
            tensors = try TensorFile.open(path: path)
            configuration = nil
            return
        }
        let configurationPath = "\(path)/config.json"
        guard let json = try? Data(contentsOf: URL(fileURLWithPath: configurationPath)) else {
            throw CheckpointError(
                "\(path) is not an encoder of transformers: it holds no config.json that can be read; name a directory "
                    + "with config.json and model.safetensors, or a file.")
        }
        guard let configuration = try? JSONDecoder().decode(Configuration.self, from: json) else {
            throw CheckpointError(
                "\(configurationPath) lacks model_type or num_attention_heads; a DINOv2 of transformers is expected.")
        }
        guard ["dinov2", "dinov2_with_registers"].contains(configuration.modelType) else {
            throw CheckpointError(
                "\(configurationPath) is of a model of type '\(configuration.modelType)'; dinov2 or "
                    + "dinov2_with_registers is expected.")
        }
        guard configuration.activation ?? "gelu" == "gelu" else {
            throw CheckpointError(
                "\(configurationPath) asks for the activation '\(configuration.activation ?? "")'; gelu is expected.")
        }
        self.configuration = configuration
        tensors = try TensorFile.open(path: "\(path)/model.safetensors")
    }

    /// Whether the tensors have the names of a DINOv2.
    public var isRecognised: Bool { DINOv2Architecture.isRecognised(in: tensors) }

    /// The sizes, read off the tensors.
    ///
    /// - Parameter heads: how many there are; where nil, as `config.json` says, or else of a width of 64.
    public func architecture(heads: Int? = nil) throws -> DINOv2Architecture {
        try DINOv2Architecture(readFrom: tensors, heads: heads ?? configuration?.heads)
    }

    /// The model.
    ///
    /// - Parameter heads: as above.
    /// - Throws: one sentence that names what is missing, left over or misshapen.
    public func load(heads: Int? = nil) throws -> DINOv2 {
        try DINOv2(
            loading: tensors, heads: heads ?? configuration?.heads, epsilon: configuration?.epsilon ?? 1e-6)
    }
}
