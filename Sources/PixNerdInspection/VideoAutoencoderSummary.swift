import PixNerdCheckpoints
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// A description of a video autoencoder on disk.
public struct VideoAutoencoderSummary: Encodable {
    public let path: String
    public let kind: String
    public let bytes: Int
    /// What the comparison of the file with its fingerprint found.
    public let integrity: String
    public let tensors: [CheckpointSummary.TensorLine]
    /// The sizes of the image autoencoder.
    public let spatial: AutoencoderArchitecture
    /// The sizes of the temporal part in words.
    public let temporal: String
    /// Frames of a piece.
    public let piece: Int
    /// Pixels along a side and frames for each latent.
    public let space, time: Int
    /// The factor of the image autoencoder's latents.
    public let factor: Float
    /// Means and standard deviations of the latents' channels.
    public let normalization: ChannelNormalization
    public let parameters: Int
    /// A hash of weights and numbers, which identifies the autoencoder of latents.
    public let fingerprint: String?
    /// Why the autoencoder cannot be used, or what of its configuration is not, as one sentence; nil if there is nothing to
    /// say.
    public let problem: String?
    /// The cost of encoding a piece.
    public let encoding: CheckpointSummary.Cost
    /// The cost of decoding a piece.
    public let decoding: CheckpointSummary.Cost

    /// - Parameters:
    ///   - checkpoint: the autoencoder to describe.
    ///   - size: height and width in pixels of the frames for which the costs are computed.
    /// - Throws: `PixNerdError` if the file does not fit its own fingerprint, or the size is not a multiple of the pixels for
    ///   each latent.
    public init(_ checkpoint: VideoAutoencoderCheckpoint, size: ImageSize) throws {
        path = checkpoint.path
        kind = checkpoint.file.kind.rawValue
        bytes = checkpoint.file.size
        integrity = try CheckpointSummary.integrity(of: [checkpoint.file])
        tensors = CheckpointSummary.lines(of: checkpoint.file)
        (spatial, factor) = (checkpoint.spatial, checkpoint.numbers.spatialFactor)
        (normalization, piece) = (checkpoint.numbers.channels, checkpoint.numbers.piece)
        let sizes = checkpoint.temporal
        temporal =
            "filters \(sizes.filters), channel_multipliers \(sizes.multipliers), num_res_blocks \(sizes.blocksPerLevel), "
            + "num_groups \(sizes.groups), temporal_downsample \(sizes.halvesTime)"
        (space, time) = (checkpoint.spatial.reduction, sizes.factor)
        var found: (model: VideoAutoencoder?, problem: String?)
        do {
            found.model = try checkpoint.load()
        } catch {
            found.problem = "\(error)"
        }
        problem = found.problem ?? checkpoint.scaleWarning
        fingerprint = found.model?.fingerprint
        parameters = found.model?.parameterCount ?? 0
        try checkSize(size, multiple: space)
        func cost(_ multiplyAdds: Int) throws -> CheckpointSummary.Cost {
            try CheckpointSummary.Cost(height: size.height, width: size.width, multiplyAdds: multiplyAdds)
        }
        encoding = try cost(sizes.encodingMultiplyAdds(frames: piece, of: size, with: spatial))
        decoding = try cost(sizes.decodingMultiplyAdds(frames: piece, of: size, with: spatial))
    }
}
