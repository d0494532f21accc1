import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// Edges by holistically-nested edge detection (Xie and Tu, arXiv 1504.06375): five levels of a VGG, each with a map of
/// edges, as published in `ControlNetHED.pth`.
public struct HED: Sendable {
    private struct Level: Sendable {
        let convolutions: [Convolution]
        let projection: Convolution
    }

    /// The path of the file.
    public let path: String
    /// A hash of the weights.
    public let fingerprint: String
    /// Subtracted from each colour, [1, 3, 1, 1].
    private let mean: Parameter
    private let levels: [Level]

    private static let levelCount = 5
    /// The smallest height and width of images, which are halved four times.
    public static let smallestSide = 1 << (levelCount - 1)

    /// Loads the network with the widths that its file has.
    ///
    /// - Parameter path: A PyTorch or safetensors file with the published names.
    /// - Throws: `CheckpointMismatch` with missing, unexpected and misshapen tensors, or `PixNerdError` if the file is none
    ///   of HED or holds weights that are not finite.
    public init(path: String) throws {
        let file = try TensorFile.open(path: path)
        var widths: [(layers: Int, width: Int)] = []
        for level in 1...Self.levelCount {
            let layers = (0...).prefix { file.shape(of: "block\(level).convs.\($0).weight") != nil }.count
            guard layers > 0, let shape = file.shape(of: "block\(level).convs.0.weight"), shape.count == 4, shape[0] > 0
            else {
                throw PixNerdError(
                    .mismatch, "\(path)",
                    found: "is not a HED: it has no 4-dimensional tensor block\(level).convs.0.weight",
                    expected: "ControlNetHED.pth as published")
            }
            widths.append((layers, shape[0]))
        }
        let (mean, levels, parameters) = try ParameterStore.build(.load(file)) { root in
            var inputs = 3
            let levels = widths.enumerated().map { number, level in
                let scope = root / "block\(number + 1)"
                let convolutions = (0..<level.layers).map { layer in
                    defer { inputs = level.width }
                    return Convolution(
                        scope / "convs" / layer, inputs: inputs, outputs: level.width, kernel: (3, 3),
                        padding: ConvolutionPadding(1))
                }
                return Level(
                    convolutions: convolutions,
                    projection: Convolution(scope / "projection", inputs: level.width, outputs: 1, kernel: (1, 1)))
            }
            return (root.parameter("norm", shape: [1, 3, 1, 1], .zeros), levels, root.parameters)
        }
        (self.path, self.mean, self.levels) = (path, mean, levels)
        fingerprint = try parameters.finiteFingerprint(path: path)
    }

    /// The edges of images.
    ///
    /// - Parameter pictures: [B, 3, H, W], RGB from 0 to 255, height and width at least `smallestSide`.
    /// - Returns: [B, 1, H, W] from 0 to 1.
    public func callAsFunction(_ pictures: Tensor) -> Tensor {
        let shape = pictures.shape
        precondition(
            shape.count == 4 && shape[1] == 3 && min(shape[2], shape[3]) >= Self.smallestSide,
            "HED: \(shape) are not colour images of at least \(Self.smallestSide) x \(Self.smallestSide)")
        let plane = shape[2] * shape[3]
        let colors = mean.value.values
        var x = pictures
        x.withUnsafeMutableBuffer { values in
            for index in values.indices { values[index] -= colors[index / plane % 3] }
        }
        var total = [Float](repeating: 0, count: shape[0] * plane)
        for (number, level) in levels.enumerated() {
            if number > 0 { x = halvedToMaximum(x) }
            for layer in level.convolutions {
                x = convolution(
                    x, weight: layer.weight.value, bias: layer.bias?.value, padding: layer.padding, rectified: true)
            }
            let projection = level.projection
            let map = convolution(x, weight: projection.weight.value, bias: projection.bias?.value)
            resizedBilinear(map, height: shape[2], width: shape[3]).withUnsafeBuffer { values in
                for index in total.indices { total[index] += values[index] }
            }
        }
        return Tensor(
            total.map { 1 / (1 + expf(-$0 / Float(Self.levelCount))) }, shape: [shape[0], 1, shape[2], shape[3]])
    }
}
