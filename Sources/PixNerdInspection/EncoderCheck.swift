import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of an encoder's features with a PyTorch reference: `image` [B, 3, H, W] in [0, 1], `tokens` [B, N, D].
public struct EncoderCheck {
    private let encoder: DINOv2
    private let reference: SafetensorsFile
    private let tolerance: Double

    /// Whether a file is a reference for an encoder.
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
    /// - Parameter basePatch: side in pixels of the image patch that becomes one patch of the encoder.
    /// - Throws: `PixNerdError` if the image or the tokens do not fit the encoder.
    public func tokens(basePatch: Int) throws -> Comparison {
        guard basePatch > 0 else {
            throw PixNerdError(
                .invalidValue, "\(Setting.basePatch)", found: "is \(basePatch)", expected: "at least 1 pixel")
        }
        let (image, expected) = (try reference.tensor("image"), try reference.tensor("tokens"))
        let shape = image.shape
        guard shape.count == 4, shape[1] == 3, shape[2] % basePatch == 0, shape[3] % basePatch == 0 else {
            throw PixNerdError(
                .mismatch, "\(reference.path): image", found: "has the shape \(shape)",
                expected: "[B, 3, H, W] with H and W multiples of \(basePatch)",
                advice: "use another image or another \(Setting.basePatch)")
        }
        let values = image.values
        guard values.allSatisfy({ (-1e-3...1.001).contains($0) }) else {
            throw PixNerdError(
                .mismatch, "\(reference.path): image",
                found: "has values from \(values.min() ?? 0) to \(values.max() ?? 0)",
                expected: "values from 0 to 1, before any normalisation")
        }
        let patches = shape[2] / basePatch * (shape[3] / basePatch)
        guard expected.shape == [shape[0], patches, encoder.architecture.width] else {
            throw PixNerdError(
                .mismatch, "\(reference.path): tokens", found: "has the shape \(expected.shape)",
                expected: "\([shape[0], patches, encoder.architecture.width]) for an encoder of width "
                    + "\(encoder.architecture.width) and image \(shape)")
        }
        let tokens = encoder.features(of: image, basePatch: basePatch)
        let name = "tokens (positions \(encoder.architecture.positionResampling.rawValue))"
        return Comparison(name, tokens.values, expected.values, tolerance: tolerance)
    }
}
