import PixNerdLayers
import PixNerdTensors

/// Inception-v3 for FID: TensorFlow's graph of 2015-12-05, with the weight layout of pytorch-fid and torch-fidelity
/// (Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016).
///
/// It differs from torchvision's network of the same name: average pooling excludes padding, the last block uses max
/// pooling, and there are 1008 classes.
public struct Inception: Sendable {
    /// The outputs for a batch of images.
    public struct Features: Sendable {
        /// Features for FID, KID, precision and recall, `pool_3` of the graph: [B, 2048].
        public let pool: Tensor
        /// Features for sFID, [B, 17 x 17 x 7]: the first 7 channels of `mixed_6/conv`, channel last, as in ADM's
        /// evaluation.
        public let spatial: Tensor
        /// Logits for the Inception Score, without the last layer's bias as in ADM and torch-fidelity: [B, 1008].
        public let logits: Tensor
    }

    /// Height and width of the input in pixels.
    public static let side = 299
    static let spatialChannels = 7
    static let spatialSide = 17
    /// Number of `pool` features.
    public static let poolWidth = 2048
    /// Number of `spatial` features.
    public static let spatialWidth = spatialSide * spatialSide * spatialChannels
    /// Number of `logits`.
    public static let classes = 1008

    /// Convolutions before the blocks, and whether max pooling follows each.
    private let stem: [(convolution: NormalizedConvolution, isPooled: Bool)]
    /// Blocks Mixed_5b to 6c, 6d, and 6e to 7c.
    private let blocks: (toSpatial: [InceptionBlock], spatial: InceptionBlock, rest: [InceptionBlock])
    private let classifier: Linear

    public init(_ scope: ParameterScope) {
        stem = [
            (.init(scope / "Conv2d_1a_3x3", 3, 32, kernel: (3, 3), stride: 2), false),
            (.init(scope / "Conv2d_2a_3x3", 32, 32, kernel: (3, 3)), false),
            (.init(scope / "Conv2d_2b_3x3", 32, 64, kernel: (3, 3), padding: (1, 1)), true),
            (.init(scope / "Conv2d_3b_1x1", 64, 80, kernel: (1, 1)), false),
            (.init(scope / "Conv2d_4a_3x3", 80, 192, kernel: (3, 3)), true),
        ]
        let toSpatial: [InceptionBlock] = [
            .a(scope / "Mixed_5b", 192, poolOutputs: 32), .a(scope / "Mixed_5c", 256, poolOutputs: 64),
            .a(scope / "Mixed_5d", 288, poolOutputs: 64), .b(scope / "Mixed_6a", 288),
            .c(scope / "Mixed_6b", 768, width: 128), .c(scope / "Mixed_6c", 768, width: 160),
        ]
        let spatial = InceptionBlock.c(scope / "Mixed_6d", 768, width: 160)
        let rest: [InceptionBlock] = [
            .c(scope / "Mixed_6e", 768, width: 192), .d(scope / "Mixed_7a", 768),
            .e(scope / "Mixed_7b", 1280, pool: .averagePool), .e(scope / "Mixed_7c", 2048, pool: .maxPool),
        ]
        blocks = (toSpatial, spatial, rest)
        classifier = Linear(scope / "fc", inputs: Self.poolWidth, outputs: Self.classes)
    }

    /// Computes the features of images.
    ///
    /// - Parameter pictures: [B, 3, 299, 299] in -1 ... 1.
    public func callAsFunction(_ pictures: Tensor) -> Features {
        precondition(
            pictures.shape.count == 4 && pictures.shape[1...] == [3, Self.side, Self.side],
            "Inception: images of shape \(pictures.shape)")
        var x = pictures
        for (convolution, isPooled) in stem {
            x = convolution(x)
            if isPooled { x = ConvolutionInference.maxPool(x, stride: 2) }
        }
        for block in blocks.toSpatial { x = block(x) }
        x = blocks.spatial(x)
        // The first branch of this block is the layer that sFID uses.
        let spatial = Self.firstChannels(x)
        for block in blocks.rest { x = block(x) }
        let pool = ConvolutionInference.planeMeans(x)
        return Features(pool: pool, spatial: spatial, logits: linear(pool, weight: classifier.weight.value, bias: nil))
    }

    /// Multiply-adds per image.
    public var multiplyAdds: Int {
        var (place, total) = ((height: Self.side, width: Self.side), 0)
        for (convolution, isPooled) in stem {
            let (next, count) = convolution.cost(side: place)
            total += count
            place = isPooled ? ((next.height - 3) / 2 + 1, (next.width - 3) / 2 + 1) : next
        }
        var side = place.height
        for block in blocks.toSpatial + [blocks.spatial] + blocks.rest {
            total += block.multiplyAdds(side: side)
            side = block.side(after: side)
        }
        return total + Self.poolWidth * Self.classes
    }

    /// Adds the last layer's bias to logits [B, 1008].
    public func biased(_ logits: Tensor) -> Tensor {
        guard let bias = classifier.bias?.value.values else { return logits }
        var result = logits
        result.withUnsafeMutableBuffer { values in
            for i in values.indices { values[i] += bias[i % bias.count] }
        }
        return result
    }

    /// The first 7 channels of [B, C, H, W] as [B, H x W x 7].
    private static func firstChannels(_ x: Tensor) -> Tensor {
        let (batch, channels, plane) = (x.shape[0], x.shape[1], x.shape[2] * x.shape[3])
        var result = Tensor(uninitialized: [batch, plane * spatialChannels])
        x.withUnsafeBuffer { source in
            result.withUnsafeMutableBuffer { target in
                for picture in 0..<batch {
                    for pixel in 0..<plane {
                        for channel in 0..<spatialChannels {
                            target[(picture * plane + pixel) * spatialChannels + channel] =
                                source[(picture * channels + channel) * plane + pixel]
                        }
                    }
                }
            }
        }
        return result
    }
}

extension Inception {
    /// Creates a network with random weights, for benchmarks.
    public init(seed: UInt64) {
        // Only loading throws, initializing never does.
        self = try! ParameterStore.build(.initialize(seed: seed)) { Inception($0) }
    }

    /// Loads the weights that pytorch-fid and torch-fidelity publish (`pt_inception-2015-12-05`), or a copy of them.
    ///
    /// - Throws: `CheckpointMismatch` for weights of another network, such as torchvision's, or the error of reading.
    public static func load(_ weights: any TensorSource) throws -> Inception {
        try ParameterStore.build(.load(WithoutCounters(source: weights))) { Inception($0) }
    }
}

/// A source without PyTorch's counters of batches (`num_batches_tracked`), which inference does not use.
private struct WithoutCounters: TensorSource {
    let source: any TensorSource

    var origin: String { source.origin }
    var names: [String] { source.names.filter { !$0.hasSuffix(".num_batches_tracked") } }
    func shape(of name: String) -> [Int]? { source.shape(of: name) }
    func tensor(_ name: String) throws -> Tensor { try source.tensor(name) }
}
