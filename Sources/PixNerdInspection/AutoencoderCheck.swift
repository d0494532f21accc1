import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of an autoencoder with a diffusers reference: `image` [B, C, H, W] in [-1, 1] with `mean` and `logvar`
/// [B, c, h, w], and unscaled `latent` [B, c, h, w] with `decoded`.
public struct AutoencoderCheck {
    private let model: Autoencoder
    private let reference: SafetensorsFile
    private let tolerance: Double

    private static let encoded = ["mean", "logvar"]

    /// Whether a file is a reference for an autoencoder.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        (file.shape(of: "image") != nil && encoded.contains { file.shape(of: $0) != nil })
            || (file.shape(of: "latent") != nil && file.shape(of: "decoded") != nil)
    }

    public init(_ model: Autoencoder, reference: SafetensorsFile, tolerance: Double) {
        self.model = model
        self.reference = reference
        self.tolerance = tolerance
    }

    /// Compares all outputs that the reference has.
    ///
    /// - Throws: `PixNerdError` if a shape does not fit the model.
    public func comparisons() throws -> [Comparison] {
        var comparisons: [Comparison] = []
        if reference.shape(of: "image") != nil {
            let posterior = model.encode(try picture("image", channels: model.architecture.channels))
            for (name, tensor) in zip(Self.encoded, [posterior.mean, posterior.logVariance])
            where reference.shape(of: name) != nil {
                comparisons.append(try comparison(name, tensor))
            }
        }
        if reference.shape(of: "latent") != nil {
            let latent = try picture("latent", channels: model.architecture.latentChannels)
            comparisons.append(try comparison("decoded", model.decode(latent)))
        }
        return comparisons
    }

    private func picture(_ name: String, channels: Int) throws -> Tensor {
        let tensor = try reference.tensor(name)
        let least = name == "image" ? model.architecture.reduction : 1
        guard tensor.shape.count == 4, tensor.shape[1] == channels, tensor.shape[2...].allSatisfy({ $0 >= least })
        else {
            throw PixNerdError(
                .mismatch, "\(reference.path): \(name)", found: "has the shape \(tensor.shape)",
                expected: "[B, \(channels), H, W] with H and W at least \(least)")
        }
        return tensor
    }

    private func comparison(_ name: String, _ actual: Tensor) throws -> Comparison {
        let expected = try reference.tensor(name)
        guard expected.shape == actual.shape else {
            throw PixNerdError(
                .mismatch, "\(reference.path): \(name)", found: "has the shape \(expected.shape)",
                expected: "\(actual.shape), as the autoencoder computes")
        }
        return Comparison(name, actual.values, expected.values, tolerance: tolerance)
    }
}
