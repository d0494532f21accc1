import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of Inception-v3 with a PyTorch reference: `image` as uint8 [B, 3, H, W] with `pool` [B, 2048], and
/// optionally `logits` [B, 1008], `logits_unbiased` [B, 1008] and `spatial` [B, 2023].
public struct InceptionCheck {
    private let network: Inception
    private let reference: SafetensorsFile
    private let tolerance: Double

    /// Whether a file is a reference for Inception.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        file.shape(of: "image") != nil && file.shape(of: "pool") != nil
    }

    public init(_ network: Inception, reference: SafetensorsFile, tolerance: Double) {
        self.network = network
        self.reference = reference
        self.tolerance = tolerance
    }

    /// Compares all outputs that the reference has.
    ///
    /// - Parameter input: the resizing of images to 299 x 299.
    /// - Throws: `PixNerdError` if the images or the outputs have the wrong shape or type.
    public func compare(_ input: InceptionInput) throws -> [Comparison] {
        let image = try reference.elements(of: "image")
        let shape = image.shape
        guard image.type == .uint8, shape.count == 4, shape[1] == 3, shape.allSatisfy({ $0 > 0 }) else {
            throw PixNerdError(
                .mismatch, "\(reference.path): image", found: "is \(image.type.rawValue) of the shape \(shape)",
                expected: "8-bit images as uint8 [B, 3, H, W]")
        }
        let plane = shape[2] * shape[3]
        let pixels = image.withUnsafeBytes { bytes in
            (0..<bytes.count).map { place in
                let (picture, rest) = place.quotientAndRemainder(dividingBy: 3 * plane)
                return bytes[(picture * 3 + rest % 3) * plane + rest / 3]
            }
        }
        let features = network(
            input.tensor(pixels: pixels, count: shape[0], height: shape[2], width: shape[3]))
        let computed = [
            ("pool", features.pool), ("spatial", features.spatial), ("logits_unbiased", features.logits),
            ("logits", network.biased(features.logits)),
        ]
        return try computed.filter { reference.shape(of: $0.0) != nil }.map { name, values in
            let expected = try reference.tensor(name)
            guard expected.shape == values.shape else {
                throw PixNerdError(
                    .mismatch, "\(reference.path): \(name)", found: "has the shape \(expected.shape)",
                    expected: "\(values.shape)")
            }
            return Comparison(
                "\(name) (\(input.rawValue))", values.values, expected.values, tolerance: tolerance)
        }
    }
}
