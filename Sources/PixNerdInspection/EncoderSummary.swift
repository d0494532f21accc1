import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// What a DINOv2 file holds.
public struct EncoderSummary: Encodable {
    public let path: String
    public let kind: String
    public let bytes: Int
    public let tensors: [CheckpointSummary.TensorLine]
    /// Such as "ViT-B/14"; nil where the sizes cannot be read.
    public let name: String?
    public let architecture: DINOv2Architecture?
    /// How positions come to other grids.
    public let positions: String?
    public let parameters: Int
    /// By which features that were computed earlier are known to be of this encoder.
    public let fingerprint: String?
    /// Why the encoder cannot be used; one sentence.
    public let problem: String?
    public let cost: CheckpointSummary.Cost?

    /// - Parameters:
    ///   - heads: how many there are where that is known.
    ///   - size: of the picture whose cost is told.
    ///   - basePatch: side in pixels of what becomes a patch of the encoder.
    /// - Throws: one sentence where the size does not fit the patches.
    public init(_ file: DINOv2File, heads: Int?, size: (height: Int, width: Int), basePatch: Int) throws {
        path = file.path
        kind = file.tensors.kind.rawValue
        bytes = file.tensors.size
        tensors = CheckpointSummary.lines(of: file.tensors)
        parameters = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        var found: (encoder: DINOv2?, problem: String?)
        do {
            found.encoder = try file.load(heads: heads)
        } catch {
            found.problem = "\(error)"
        }
        problem = found.problem
        fingerprint = found.encoder?.fingerprint
        architecture = found.encoder?.architecture ?? (try? file.architecture(heads: heads))
        name = architecture?.name
        positions = architecture?.positionResampling.rawValue
        for (side, length) in [("height", size.height), ("width", size.width)] {
            if let problem = sizeProblem(length, multiple: basePatch) {
                throw CheckpointError("--size: the \(side) \(problem)")
            }
        }
        cost = architecture.map {
            CheckpointSummary.Cost(
                height: size.height, width: size.width,
                multiplyAdds: $0.multiplyAdds(rows: size.height / basePatch, columns: size.width / basePatch))
        }
    }
}
