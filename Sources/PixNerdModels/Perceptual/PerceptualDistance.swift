import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// Perceptual distance between images (LPIPS; Zhang et al., arXiv 1801.03924): the squared distance between normalised
/// features of a VGG16 (Simonyan and Zisserman, arXiv 1409.1556) after each of its five blocks, averaged over pixels
/// and summed over blocks.
///
/// Channels are weighted by the linear weights of LPIPS, or all by 1 without them, which is the paper's unweighted
/// distance. The network is frozen: only the images get a gradient.
public struct PerceptualDistance: Sendable {
    private struct Layer: Sendable {
        let weight: Tensor
        let bias: Tensor
    }

    public let path: String
    /// A hash of the weights, independent of the naming in the file.
    public let fingerprint: String
    public let parameterCount: Int
    /// Whether channels are weighted by the linear weights of LPIPS.
    public let hasLinearWeights: Bool
    private let blocks: [[Layer]]
    /// Weight of each channel after each block.
    private let channelWeights: [Tensor]
    /// The normalisation of LPIPS from -1 ... 1 to the network's input, as a 1 x 1 convolution.
    private let scaling: Layer

    /// Indices of the convolutions of each block in torchvision's `features`.
    private static let places = [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]]
    private static let means: [Float] = [-0.030, -0.088, -0.188]
    private static let deviations: [Float] = [0.458, 0.448, 0.450]

    /// Smallest height and width of images, which are halved four times.
    public static let smallestSide = 16

    /// Loads a VGG16 of any widths, and the linear weights of LPIPS if the file has them.
    ///
    /// - Parameter path: `.safetensors`, `.pth` or `.pt` with the names of torchvision or of the `lpips` package.
    /// - Throws: `CheckpointMismatch` with missing, unexpected and misshapen tensors, or `PixNerdError` that names a
    ///   tensor with values that are not finite.
    public init(path: String) throws {
        let names = PerceptualNames(try TensorFile.open(path: path))
        var widths: [[Int]] = []
        for block in Self.places {
            widths.append(
                try block.map { place in
                    let name = "features.\(place).weight"
                    guard let shape = names.shape(of: name), shape.count == 4, shape[0] > 0 else {
                        throw PixNerdError(
                            .mismatch, "\(path)", found: "is not a VGG16: it has no 4-dimensional tensor \(name)",
                            expected: "torchvision's file, or the state dict of the lpips package")
                    }
                    return shape[0]
                })
        }
        let isWeighted = (0..<widths.count).contains { names.shape(of: "lin\($0).weight") != nil }
        let (blocks, weights, parameters) = try ParameterStore.build(.load(names)) { root in
            var inputs = 3
            let blocks = zip(Self.places, widths).map { places, widths in
                zip(places, widths).map { place, width in
                    defer { inputs = width }
                    return Convolution(root / "features" / place, inputs: inputs, outputs: width, kernel: (3, 3))
                }
            }
            let weights = widths.enumerated().map { index, widths -> Parameter? in
                guard isWeighted else { return nil }
                return (root / "lin\(index)").parameter("weight", shape: [1, widths.last!, 1, 1], .ones)
            }
            return (blocks, weights, root.parameters)
        }
        self.path = path
        fingerprint = try parameters.finiteFingerprint(path: path)
        parameterCount = parameters.reduce(0) { $0 + $1.value.count }
        hasLinearWeights = isWeighted
        self.blocks = blocks.map { $0.map { Layer(weight: $0.weight.value, bias: $0.bias!.value) } }
        channelWeights = zip(weights, widths).map { weight, widths in
            weight?.value.reshaped([widths.last!]) ?? Tensor(repeating: 1, shape: [widths.last!])
        }
        scaling = Layer(
            weight: Tensor(
                (0..<9).map { $0 % 4 == 0 ? 1 / Self.deviations[$0 / 3] : 0 }, shape: [3, 3, 1, 1]),
            bias: Tensor(zip(Self.means, Self.deviations).map { -$0 / $1 }, shape: [3]))
    }

    /// Computes the distances between images and targets; only the images get a gradient.
    ///
    /// - Parameters:
    ///   - pictures: [B, 3, H, W] in -1 ... 1, height and width at least `smallestSide`.
    ///   - target: images to compare with, in the shape and range of `pictures`.
    /// - Returns: the mean over images, of shape [1], and the distance of each.
    public func callAsFunction(_ pictures: Tensor, target: Tensor) -> (mean: Tensor, pictures: [Float]) {
        precondition(
            pictures.shape == target.shape && pictures.shape.count == 4 && pictures.shape[1] == 3
                && min(pictures.shape[2], pictures.shape[3]) >= Self.smallestSide,
            "PerceptualDistance: \(pictures.shape) and \(target.shape) are not images of one size, at least "
                + "\(Self.smallestSide) x \(Self.smallestSide)")
        let targets = features(target.detached)
        let parts = zip(zip(features(pictures), targets), channelWeights).map { pair, weights in
            meanChannelDistance(pair.0, target: pair.1, weights: weights)
        }
        let zeros = [Float](repeating: 0, count: pictures.shape[0])
        return (
            parts.dropFirst().reduce(parts[0].mean) { sum($0, $1.mean) },
            parts.reduce(zeros) { totals, part in zip(totals, part.pictures).map { $0 + $1 } }
        )
    }

    /// The outputs of the last ReLU of each block.
    private func features(_ pictures: Tensor) -> [Tensor] {
        var x = convolution(pictures, weight: scaling.weight, bias: scaling.bias)
        return blocks.enumerated().map { index, block in
            if index > 0 { x = halvedToMaximum(x) }
            for layer in block {
                x = convolution(
                    x, weight: layer.weight, bias: layer.bias, padding: ConvolutionPadding(1), rectified: true)
            }
            return x
        }
    }

    /// Multiply-adds for the features of one image.
    public func multiplyAdds(height: Int, width: Int) -> Int {
        layers(height: height, width: width).reduce(0) { $0 + $1.pixels * $1.layer.weight.count }
    }

    /// Number of activations that training keeps per image.
    public func activations(height: Int, width: Int) -> Int {
        let scaled = height * width * 3
        return layers(height: height, width: width).reduce(scaled) { total, part in
            // The input of max pooling is kept besides its output.
            total + part.pixels * (part.layer.bias.count + (part.isFirst ? part.layer.weight.shape[1] : 0))
        }
    }

    /// All layers with the number of pixels of their outputs.
    private func layers(height: Int, width: Int) -> [(layer: Layer, pixels: Int, isFirst: Bool)] {
        blocks.enumerated().flatMap { level, block in
            block.enumerated().map { ($1, (height >> level) * (width >> level), $0 == 0) }
        }
    }
}
