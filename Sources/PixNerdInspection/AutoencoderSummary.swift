import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// A description of an autoencoder on disk.
public struct AutoencoderSummary: Encodable {
    public let path: String
    public let kind: String
    public let bytes: Int
    /// What the comparison of the file with its fingerprint found.
    public let integrity: String
    public let tensors: [CheckpointSummary.TensorLine]
    /// Name of the published autoencoder with this shape and scale; nil if there is none.
    public let name: String?
    public let architecture: AutoencoderArchitecture
    /// The scale that brings latents to standard deviation 1; nil without a configuration.
    public let scale: LatentScale?
    public let parameters: Int
    /// A hash of the weights, which identifies the autoencoder of latents and runs.
    public let fingerprint: String?
    /// Why the autoencoder cannot be used, as one sentence; nil if it can.
    public let problem: String?
    public let encoding: CheckpointSummary.Cost
    public let decoding: CheckpointSummary.Cost

    /// - Parameters:
    ///   - checkpoint: the autoencoder to describe.
    ///   - size: height and width in pixels of the image for which the costs are computed.
    /// - Throws: `PixNerdError` if the file does not fit its own fingerprint, or the size is not a multiple of the downsampling factor.
    public init(_ checkpoint: AutoencoderCheckpoint, size: ImageSize) throws {
        path = checkpoint.path
        kind = checkpoint.file.kind.rawValue
        bytes = checkpoint.file.size
        integrity = try CheckpointSummary.integrity(of: [checkpoint.file])
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
        try checkSize(size, multiple: architecture.reduction)
        func cost(_ multiplyAdds: Int) throws -> CheckpointSummary.Cost {
            try CheckpointSummary.Cost(height: size.height, width: size.width, multiplyAdds: multiplyAdds)
        }
        encoding = try cost(architecture.encodingMultiplyAdds(height: size.height, width: size.width))
        decoding = try cost(architecture.decodingMultiplyAdds(height: size.height, width: size.width))
    }
}
