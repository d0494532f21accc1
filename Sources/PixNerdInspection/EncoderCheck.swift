import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// Compares an encoder's features with what PyTorch computed: `image` [B, 3, H, W] in [0, 1] and `tokens` [B, N, D].
public struct EncoderCheck {
    private let encoder: DINOv2
    private let reference: SafetensorsFile
    private let tolerance: Double

    /// Whether a reference is one of an encoder.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        file.shape(of: "image") != nil && file.shape(of: "tokens") != nil
    }

    public init(_ encoder: DINOv2, reference: SafetensorsFile, tolerance: Double) {
        self.encoder = encoder
        self.reference = reference
        self.tolerance = tolerance
    }

    /// Compares the tokens.
    ///
    /// - Parameter basePatch: side in pixels of what becomes a patch of the encoder.
    /// - Throws: `CheckpointError` where the picture or the tokens do not fit the encoder.
    public func tokens(basePatch: Int) throws -> Comparison {
        let (image, expected) = (try reference.tensor("image"), try reference.tensor("tokens"))
        let shape = image.shape
        guard shape.count == 4, shape[1] == 3, shape[2] % basePatch == 0, shape[3] % basePatch == 0 else {
            throw CheckpointError(
                "\(reference.path): image has the shape \(shape); [B, 3, H, W] with H and W multiples of \(basePatch) is "
                    + "expected, or another --base-patch.")
        }
        let values = image.values
        guard values.allSatisfy({ (-1e-3...1.001).contains($0) }) else {
            throw CheckpointError(
                "\(reference.path): image holds values from \(values.min() ?? 0) to \(values.max() ?? 0); pictures in 0 to 1 "
                    + "are expected, before any normalisation.")
        }
        let patches = shape[2] / basePatch * (shape[3] / basePatch)
        guard expected.shape == [shape[0], patches, encoder.architecture.width] else {
            throw CheckpointError(
                "\(reference.path): tokens has the shape \(expected.shape); the encoder of width "
                    + "\(encoder.architecture.width) makes \([shape[0], patches, encoder.architecture.width]) of image "
                    + "\(shape).")
        }
        let tokens = encoder.features(of: image, basePatch: basePatch)
        let name = "tokens (positions \(encoder.architecture.positionResampling.rawValue))"
        return Comparison(name, tokens.values, expected.values, tolerance: tolerance)
    }
}
