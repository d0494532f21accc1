import Foundation
import PixNerdCheckpoints
import PixNerdSupport

/// A denoiser in the layout of diffusers: the directory of a pipeline with the model in `transformer`, or that directory
/// itself, which holds `config.json` and `diffusion_pytorch_model.safetensors`.
struct DiffusersDirectory {
    /// Path of the file of weights.
    let weights: String
    /// The texts of the configurations, under the keys of a checkpoint's metadata.
    let metadata: [String: String]

    private static let weightsName = "diffusion_pytorch_model.safetensors"
    private static let configurationName = "config.json"
    private static let pipelineName = "model_index.json"
    private static let modelName = "transformer"

    /// Looks for the files of a directory; nil if it does not have this layout.
    ///
    /// - Throws: `PixNerdError` if it has this layout but lacks the weights, or a file cannot be read.
    init?(path: String) throws {
        func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
        let pipeline = "\(path)/\(Self.pipelineName)"
        let isPipeline = isThere(pipeline) || isFolder("\(path)/\(Self.modelName)") == true
        let model = isPipeline ? "\(path)/\(Self.modelName)" : path
        let configuration = "\(model)/\(Self.configurationName)"
        weights = "\(model)/\(Self.weightsName)"
        guard isPipeline || isThere(weights) else { return nil }
        guard isThere(weights) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "is the directory of a pipeline and lacks \(weights)",
                expected: "the weights of its denoiser in that file", advice: "download it too")
        }
        var metadata: [String: String] = [:]
        for (key, path) in [
            (DenoiserCheckpoint.configurationKey, configuration), (DenoiserCheckpoint.pipelineKey, pipeline),
        ] where isThere(path) {
            metadata[key] = String(decoding: try configurationText(path), as: UTF8.self)
        }
        self.metadata = metadata
    }
}

extension DenoiserCheckpoint {
    /// Whether a path is a directory of diffusers with the weights of a known denoiser, and not those of another model.
    public static func isDiffusersDirectory(path: String) -> Bool {
        guard isFolder(path) == true, let directory = try? DiffusersDirectory(path: path),
            let file = try? TensorFile.open(path: directory.weights)
        else { return false }
        return KnownDenoisers.kinds.contains { $0.recognizes(file) }
    }

    /// The metadata key of the `config.json` of a directory of diffusers.
    package static let configurationKey = "diffusers_config"
    /// The metadata key of the `model_index.json` of a pipeline of diffusers.
    package static let pipelineKey = "diffusers_pipeline"
    /// The metadata keys of the texts of other files.
    package static let configurationKeys = [configurationKey, pipelineKey]
}
