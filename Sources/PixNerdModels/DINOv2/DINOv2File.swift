import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// A DINOv2 on disk: a file with the tensor names of torch.hub or transformers, or a directory saved by transformers
/// (`config.json` and `model.safetensors`).
public struct DINOv2File {
    public let path: String
    public let tensors: TensorFile
    /// The contents of a directory's `config.json`; nil for a file.
    private let configuration: Configuration?

    /// The keys of a transformers configuration that the tensors do not reveal.
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
    /// - Throws: `PixNerdError` that names the path and what was found there.
    public init(path: String) throws {
        self.path = path
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw PixNerdError(
                .notFound, found: "there is no encoder \(path)",
                expected: "a DINOv2 file of torch.hub, such as dinov2_vitb14_pretrain.pth, or a directory of "
                    + "transformers")
        }
        guard isDirectory.boolValue else {
            tensors = try TensorFile.open(path: path)
            configuration = nil
            return
        }
        let configurationPath = "\(path)/config.json"
        guard FileManager.default.fileExists(atPath: configurationPath) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "has no readable config.json",
                expected: "a directory of transformers with config.json and model.safetensors, or a file")
        }
        let json = try configurationText(configurationPath)
        guard let configuration = try? JSONDecoder().decode(Configuration.self, from: json) else {
            throw PixNerdError(
                .malformed, "\(configurationPath)", found: "lacks model_type or num_attention_heads",
                expected: "the configuration of a DINOv2 of transformers")
        }
        guard ["dinov2", "dinov2_with_registers"].contains(configuration.modelType) else {
            throw PixNerdError(
                .unsupported, "\(configurationPath)", found: "has the model_type '\(configuration.modelType)'",
                expected: "dinov2 or dinov2_with_registers")
        }
        guard configuration.activation ?? "gelu" == "gelu" else {
            throw PixNerdError(
                .unsupported, "\(configurationPath)", found: "has the hidden_act '\(configuration.activation ?? "")'",
                expected: "gelu")
        }
        self.configuration = configuration
        tensors = try TensorFile.open(path: "\(path)/model.safetensors")
    }

    /// Whether the file's tensors have the names of a DINOv2.
    public var isRecognised: Bool { DINOv2Architecture.isRecognised(in: tensors) }

    /// Infers the sizes from the tensors.
    ///
    /// - Parameter heads: number of attention heads; nil for that of `config.json`, or else for heads of width 64.
    /// - Throws: `PixNerdError` that names the missing or invalid tensor.
    public func architecture(heads: Int? = nil) throws -> DINOv2Architecture {
        try DINOv2Architecture(readFrom: tensors, heads: heads ?? configuration?.heads)
    }

    /// Loads the model.
    ///
    /// - Parameter heads: number of attention heads; nil for that of `config.json`, or else for heads of width 64.
    /// - Throws: `PixNerdError` if the sizes cannot be inferred from the tensors, or `CheckpointMismatch` with all
    ///   missing, unexpected and misshapen tensors.
    public func load(heads: Int? = nil) throws -> DINOv2 {
        try DINOv2(
            loading: tensors, heads: heads ?? configuration?.heads, epsilon: configuration?.epsilon ?? 1e-6)
    }
}
