import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// A description of a DINOv2 file.
public struct EncoderSummary: Encodable {
    public let path: String
    public let kind: String
    public let bytes: Int
    /// What the comparison of the file with its fingerprint found.
    public let integrity: String
    public let tensors: [CheckpointSummary.TensorLine]
    /// Name of the size, such as "ViT-B/14"; nil if the sizes cannot be inferred.
    public let name: String?
    public let architecture: DINOv2Architecture?
    /// The resampling of position embeddings to other grids.
    public let positions: String?
    public let parameters: Int
    /// A hash of the weights, which identifies the encoder of cached features.
    public let fingerprint: String?
    /// Why the encoder cannot be used, as one sentence; nil if it can.
    public let problem: String?
    public let cost: CheckpointSummary.Cost?

    /// - Parameters:
    ///   - file: the file to describe.
    ///   - heads: number of attention heads; nil if unknown.
    ///   - size: height and width in pixels of the image for which the cost is computed.
    ///   - basePatch: side in pixels of the image patch that becomes one patch of the encoder.
    ///   - name: returns the program's names of the settings that `problem` refers to.
    /// - Throws: `PixNerdError` if the file does not fit its own fingerprint, or the size is not a multiple of `basePatch`.
    public init(
        _ file: DINOv2File, heads: Int?, size: ImageSize, basePatch: Int,
        naming name: (Setting) -> String = { $0.rawValue }
    ) throws {
        path = file.path
        kind = file.tensors.kind.rawValue
        bytes = file.tensors.size
        integrity = try CheckpointSummary.integrity(of: [file.tensors])
        tensors = CheckpointSummary.lines(of: file.tensors)
        parameters = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        var found: (encoder: DINOv2?, problem: String?)
        do {
            found.encoder = try file.load(heads: heads)
        } catch let error as PixNerdError {
            found.problem = error.sentence(naming: name)
        } catch {
            found.problem = "\(error)"
        }
        problem = found.problem
        fingerprint = found.encoder?.fingerprint
        architecture = found.encoder?.architecture ?? (try? file.architecture(heads: heads))
        self.name = architecture?.name
        positions = architecture?.positionResampling.rawValue
        try checkSize(size, multiple: basePatch)
        cost = try architecture.map {
            try CheckpointSummary.Cost(
                height: size.height, width: size.width,
                multiplyAdds: $0.multiplyAdds(rows: size.height / basePatch, columns: size.width / basePatch))
        }
    }
}

/// Checks that height and width are multiples of a number of pixels.
///
/// - Throws: `PixNerdError` that names the side and the nearest size that works.
func checkSize(_ size: ImageSize, multiple: Int) throws(PixNerdError) {
    guard multiple > 0 else {
        throw PixNerdError(.invalidValue, "\(Setting.basePatch)", found: "is \(multiple)", expected: "at least 1 pixel")
    }
    for (side, length) in [("height", size.height), ("width", size.width)] {
        guard let problem = sizeProblem(length, multiple: multiple) else { continue }
        throw PixNerdError(.invalidValue, "\(Setting.size): the \(side)", found: "\(problem)")
    }
}
