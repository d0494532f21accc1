import PixNerdLayers
import PixNerdTensors

/// Inception-v3 as FID uses it: TensorFlow's graph of 2015-12-05, in the layout to which pytorch-fid and torch-fidelity
/// brought its weights (Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016).
///
/// It differs from torchvision's network of the same name: average pools do not count what lies outside the picture, the
/// last block pools by maxima, and there are 1008 classes.
public struct Inception: Sendable {
    /// What it makes of pictures.
    public struct Features: Sendable {
        /// [B, 2048], for FID, KID, precision and recall: `pool_3` of the graph.
        public let pool: Tensor
        /// [B, 17 x 17 x 7], for sFID: the first 7 channels of `mixed_6/conv`, the channel running fastest, as ADM's
        /// evaluation takes them.
        public let spatial: Tensor
        /// [B, 1008], for the Inception Score: without the last layer's bias, as ADM and torch-fidelity take them.
        public let logits: Tensor
    }

    /// Height and width of what it sees.
    public static let side = 299
    static let spatialChannels = 7
    static let spatialSide = 17
    /// How many numbers `pool`, `spatial` and `logits` have.
    public static let poolWidth = 2048
    public static let spatialWidth = spatialSide * spatialSide * spatialChannels
    public static let classes = 1008

    /// Layers before the blocks, and after which of them maxima are taken.
    private let stem: [(convolution: NormalizedConvolution, isPooled: Bool)]
    /// Mixed_5b to 6c, 6d, and 6e to 7c.
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

    /// - Parameter pictures: [B, 3, 299, 299] in -1 ... 1.
    public func callAsFunction(_ pictures: Tensor) -> Features {
        precondition(
            pictures.shape.count == 4 && pictures.shape[1...] == [3, Self.side, Self.side],
            "Inception: pictures of shape \(pictures.shape)")
        var x = pictures
        for (convolution, isPooled) in stem {
            x = convolution(x)
            if isPooled { x = ConvolutionInference.maxPool(x, stride: 2) }
        }
        for block in blocks.toSpatial { x = block(x) }
        x = blocks.spatial(x)
        // Its first branch is the layer that sFID looks at.
        let spatial = Self.firstChannels(x)
        for block in blocks.rest { x = block(x) }
        let pool = ConvolutionInference.planeMeans(x)
        return Features(pool: pool, spatial: spatial, logits: linear(pool, weight: classifier.weight.value, bias: nil))
    }

    /// Multiply-adds of a picture, as the layers have them.
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

    /// Logits with the last layer's bias, [B, 1008].
    public func biased(_ logits: Tensor) -> Tensor {
        guard let bias = classifier.bias?.value.values else { return logits }
        var result = logits
        result.withUnsafeMutableBuffer { values in
            for i in values.indices { values[i] += bias[i % bias.count] }
        }
        return result
    }

    /// [B, C, H, W] to [B, H x W x 7].
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
    /// A network of random weights, for benchmarks.
    public init(seed: UInt64) {
        // Initialising never throws: only loading does.
        self = try! ParameterStore.build(.initialize(seed: seed)) { Inception($0) }
    }

    /// Reads the weights that pytorch-fid and torch-fidelity publish (`pt_inception-2015-12-05`), or a copy of them.
    ///
    /// - Throws: `CheckpointMismatch` where they are of another network, such as torchvision's own; what reading throws.
    public static func load(_ weights: any TensorSource) throws -> Inception {
        try ParameterStore.build(.load(WithoutCounters(source: weights))) { Inception($0) }
    }
}

/// A source without the counters that PyTorch keeps beside running means, which say nothing about what is computed.
private struct WithoutCounters: TensorSource {
    let source: any TensorSource

    var origin: String { source.origin }
    var names: [String] { source.names.filter { !$0.hasSuffix(".num_batches_tracked") } }
    func shape(of name: String) -> [Int]? { source.shape(of: name) }
    func tensor(_ name: String) throws -> Tensor { try source.tensor(name) }
}
