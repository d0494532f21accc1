import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A network whose features images are compared by.
public protocol FeatureExtractor: Sendable {
    /// Name of the network in reports, such as `Inception-v3, resized as by PyTorch (pytorch-fid)`.
    var title: String { get }
    /// `Fingerprint` of the weight file.
    var fingerprint: String { get }
    /// Number of features in `pool`.
    var width: Int { get }
    /// Names of the Fréchet and kernel distances between its features.
    var distanceTitles: (frechet: String, kernel: String) { get }

    func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures
}

extension FeatureExtractor {
    /// Generic names, because FID and KID are defined for Inception only.
    public var distanceTitles: (frechet: String, kernel: String) { ("Fréchet distance", "Kernel distance") }
}

/// Features that a network extracts from a batch.
public struct ExtractedFeatures: Sendable {
    /// [B, d], the features that distances are computed on.
    public let pool: Tensor
    /// [B, s], the spatial features for sFID; nil if the network has none.
    public let spatial: Tensor?
    /// [B, classes], the logits for the Inception Score; nil if the network has none.
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

    /// - Throws: `PixNerdError` if the file does not hold this network.
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

/// Class tokens of a DINOv2, for images resized to 224 x 224 with Pillow's bicubic filter (Stein et al., "Exposing
/// flaws of generative model evaluation metrics", NeurIPS 2023).
public struct DINOv2Extractor: FeatureExtractor {
    public let fingerprint: String
    private let network: DINOv2
    private static let side = 224

    public var title: String { "DINOv2 of width \(width), class token at \(Self.side) x \(Self.side)" }
    public var width: Int { network.architecture.width }

    /// - Parameter path: a weight file, or a directory that holds one.
    /// - Throws: `PixNerdError` if it does not hold this network.
    public init(path: String) throws {
        let file = try DINOv2File(path: path)
        network = try file.load()
        guard Self.side % network.architecture.patchSize == 0 else {
            throw PixNerdError(
                .unsupported, "\(path)", found: "has patches of \(network.architecture.patchSize) pixels",
                expected: "a patch size that divides \(Self.side)")
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
