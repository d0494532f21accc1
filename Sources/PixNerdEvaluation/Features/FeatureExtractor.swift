import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A network whose view of pictures is compared.
public protocol FeatureExtractor: Sendable {
    /// What it is, for a report, such as `Inception-v3 (resized as by torch-fidelity)`.
    var title: String { get }
    /// `Fingerprint` of the file of weights.
    var fingerprint: String { get }
    /// How many numbers `pool` has.
    var width: Int { get }
    /// What the Fréchet and the kernel distance are called of its features.
    var distanceTitles: (frechet: String, kernel: String) { get }

    func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures
}

extension FeatureExtractor {
    /// The names FID and KID belong to Inception.
    public var distanceTitles: (frechet: String, kernel: String) { ("Fréchet distance", "Kernel distance") }
}

/// What a network makes of some pictures.
public struct ExtractedFeatures: Sendable {
    /// [B, d]
    public let pool: Tensor
    /// [B, s], where the network has features for sFID.
    public let spatial: Tensor?
    /// [B, classes], where it has them for the Inception Score.
    public let logits: Tensor?

    public init(pool: Tensor, spatial: Tensor?, logits: Tensor?) {
        (self.pool, self.spatial, self.logits) = (pool, spatial, logits)
    }
}

/// Inception-v3 with the weights that pytorch-fid and torch-fidelity publish.
public struct InceptionExtractor: FeatureExtractor {
    public let fingerprint: String
    private let network: Inception
    private let input: InceptionInput

    public var title: String {
        switch input {
        case .torchFidelity: "Inception-v3, resized as by TensorFlow 1 (ADM, torch-fidelity)"
        case .pytorchFID: "Inception-v3, resized as by PyTorch (pytorch-fid)"
        }
    }

    public var width: Int { Inception.poolWidth }
    public var distanceTitles: (frechet: String, kernel: String) { ("FID", "KID") }

    /// - Throws: one sentence where the file is not of this network.
    public init(path: String, input: InceptionInput) throws {
        network = try Inception.load(TensorFile.open(path: path))
        fingerprint = try Fingerprint.text(ofFile: path)
        self.input = input
    }

    public func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
        let features = network(
            input.tensor(pixels: batch.pixels, count: batch.count, height: batch.height, width: batch.width))
        return ExtractedFeatures(pool: features.pool, spatial: features.spatial, logits: features.logits)
    }
}

/// The class token of a DINOv2, of pictures scaled to 224 x 224 by Pillow's bicubic filter (Stein et al., "Exposing flaws of
/// generative model evaluation metrics", NeurIPS 2023).
public struct DINOv2Extractor: FeatureExtractor {
    public let fingerprint: String
    private let network: DINOv2
    private static let side = 224

    public var title: String { "DINOv2 of width \(width), class token at \(Self.side) x \(Self.side)" }
    public var width: Int { network.architecture.width }

    /// - Parameter path: a file or a directory of weights.
    /// - Throws: one sentence where it is not of this network.
    public init(path: String) throws {
        let file = try DINOv2File(path: path)
        network = try file.load()
        guard Self.side % network.architecture.patchSize == 0 else {
            throw EvaluationError(
                "\(path) has patches of \(network.architecture.patchSize) pixels, of which \(Self.side) is no multiple."
            )
        }
        fingerprint = try Fingerprint.text(ofFile: file.tensors.path)
    }

    public func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
        let plane = Self.side * Self.side
        let (means, deviations): ([Float], [Float]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        let pictures = parallelMap(batch.count) { index -> [Float] in
            let scaled = resized(batch.picture(index), width: Self.side, height: Self.side, filter: .bicubic).pixels
            return (0..<3 * plane).map { place in
                let channel = place / plane
                let value = Float(scaled[place % plane * 3 + channel]) / 255
                return (value - means[channel]) / deviations[channel]
            }
        }
        let x = Tensor(pictures.flatMap { $0 }, shape: [batch.count, 3, Self.side, Self.side])
        return ExtractedFeatures(pool: network.classTokens(x), spatial: nil, logits: nil)
    }
}
