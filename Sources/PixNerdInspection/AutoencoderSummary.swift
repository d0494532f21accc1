import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// What an autoencoder on disk is.
public struct AutoencoderSummary: Encodable {
    public let path: String
    public let kind: String
    public let bytes: Int
    public let tensors: [CheckpointSummary.TensorLine]
    /// The published kind that shape and scale are those of.
    public let name: String?
    public let architecture: AutoencoderArchitecture
    /// What brings the latents to deviation 1; nil where no configuration says.
    public let scale: LatentScale?
    public let parameters: Int
    /// By which latents and runs are known to be of this autoencoder.
    public let fingerprint: String?
    /// Why the autoencoder cannot be used; one sentence.
    public let problem: String?
    public let encoding: CheckpointSummary.Cost
    public let decoding: CheckpointSummary.Cost

    /// - Parameter size: of the picture whose cost is told.
    /// - Throws: one sentence where the autoencoder does not halve the sides so often.
    public init(_ checkpoint: AutoencoderCheckpoint, size: (height: Int, width: Int)) throws {
        path = checkpoint.path
        kind = checkpoint.file.kind.rawValue
        bytes = checkpoint.file.size
        tensors = CheckpointSummary.lines(of: checkpoint.file)
        name = checkpoint.knownName
        architecture = checkpoint.architecture
        scale = checkpoint.scale
        var found: (model: Autoencoder?, problem: String?)
        do {
            found.model = try checkpoint.load()
        } catch {
            found.problem = "\(error)"
        }
        problem = found.problem
        fingerprint = found.model?.fingerprint
        parameters = found.model?.parameterCount ?? 0
        for (side, length) in [("height", size.height), ("width", size.width)] {
            if let problem = sizeProblem(length, multiple: architecture.reduction) {
                throw CheckpointError("--size: the \(side) \(problem)")
            }
        }
        func cost(_ multiplyAdds: Int) -> CheckpointSummary.Cost {
            CheckpointSummary.Cost(height: size.height, width: size.width, multiplyAdds: multiplyAdds)
        }
        encoding = cost(architecture.encodingMultiplyAdds(height: size.height, width: size.width))
        decoding = cost(architecture.decodingMultiplyAdds(height: size.height, width: size.width))
    }
}
