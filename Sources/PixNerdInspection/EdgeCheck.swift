import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of a HED with a PyTorch reference: `picture` [B, 3, H, W], RGB from 0 to 255, with `edges` [B, 1, H, W].
public struct EdgeCheck {
    private let network: HED
    private let reference: SafetensorsFile
    private let tolerance: Double

    public init(_ network: HED, reference: SafetensorsFile, tolerance: Double) {
        (self.network, self.reference, self.tolerance) = (network, reference, tolerance)
    }

    /// Whether a file is a reference for a HED.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        file.shape(of: "picture") != nil && file.shape(of: "edges") != nil
    }

    /// Compares the edges.
    ///
    /// - Throws: `PixNerdError` if a tensor has the wrong shape.
    public func edges() throws -> Comparison {
        let (picture, expected) = (try reference.tensor("picture"), try reference.tensor("edges"))
        let shape = picture.shape
        guard shape.count == 4, shape[0] > 0, shape[1] == 3, min(shape[2], shape[3]) >= HED.smallestSide else {
            throw PixNerdError(
                .mismatch, "\(reference.path): picture", found: "has the shape \(shape)",
                expected: "[B, 3, H, W] with sides of at least \(HED.smallestSide)")
        }
        guard expected.shape == [shape[0], 1, shape[2], shape[3]] else {
            throw PixNerdError(
                .mismatch, "\(reference.path): edges", found: "has the shape \(expected.shape)",
                expected: "\([shape[0], 1, shape[2], shape[3]])")
        }
        return Comparison("edges", network(picture).values, expected.values, tolerance: tolerance)
    }
}
