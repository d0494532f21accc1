import PixNerdLayers
import PixNerdTensors

/// A convolution with ReLU and with batch normalisation folded into its weights and bias (torchvision's BasicConv2d).
struct NormalizedConvolution: Sendable {
    let outputs: Int
    private let weight: Tensor
    private let bias: Tensor
    private let stride: Int
    private let padding: ConvolutionPadding
    private let inputs: Int
    private let kernel: (height: Int, width: Int)

    /// Epsilon of batch normalisation in TensorFlow's network.
    private static let epsilon: Float = 0.001

    /// - Parameters:
    ///   - scope: parent of `conv` and `bn`.
    ///   - kernel: height and width of the filter.
    init(
        _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, kernel: (Int, Int), stride: Int = 1,
        padding: (Int, Int) = (0, 0)
    ) {
        (self.inputs, self.outputs, self.kernel) = (inputs, outputs, kernel)
        self.stride = stride
        self.padding = ConvolutionPadding(vertical: padding.0, horizontal: padding.1)
        let convolution = Convolution(
            scope / "conv", inputs: inputs, outputs: outputs, kernel: (kernel.0, kernel.1), stride: stride,
            padding: self.padding, bias: false)
        let norm = scope / "bn"
        let factor = norm.parameter("weight", shape: [outputs], .ones).value
        let shift = norm.parameter("bias", shape: [outputs], .zeros).value
        let mean = norm.parameter("running_mean", shape: [outputs], .zeros).value
        let variance = norm.parameter("running_var", shape: [outputs], .ones).value
        var weight = convolution.weight.value
        // Placeholders of other shapes replace missing tensors until loading throws.
        guard weight.shape.first == outputs, [factor, shift, mean, variance].allSatisfy({ $0.shape == [outputs] })
        else {
            (self.weight, bias) = (weight, shift)
            return
        }
        let scales = zip(factor.values, variance.values).map { $0 / ($1 + Self.epsilon).squareRoot() }
        weight.withUnsafeMutableBuffer { weight in
            let length = weight.count / outputs
            for i in weight.indices { weight[i] *= scales[i / length] }
        }
        self.weight = weight
        let shifts = zip(shift.values, zip(mean.values, scales)).map { $0 - $1.0 * $1.1 }
        bias = Tensor(shifts, shape: [outputs])
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        ConvolutionInference.rectifiedConvolution(x, weight: weight, bias: bias, stride: stride, padding: padding)
    }

    /// Height and width of the output for one image, and multiply-adds.
    func cost(side: (height: Int, width: Int)) -> (side: (height: Int, width: Int), multiplyAdds: Int) {
        let height = (side.height + 2 * padding.top - kernel.height) / stride + 1
        let width = (side.width + 2 * padding.left - kernel.width) / stride + 1
        return ((height, width), height * width * outputs * inputs * kernel.height * kernel.width)
    }

    /// Writes the output channels into the output of a block, from `firstChannel` on.
    func callAsFunction(_ x: Tensor, into out: inout Tensor, firstChannel: Int) {
        ConvolutionInference.rectifiedConvolution(
            x, weight: weight, bias: bias, stride: stride, padding: padding, into: &out, firstChannel: firstChannel)
    }
}

/// The input of a branch of a block.
enum BranchStart: Sendable {
    case input
    case averagePool
    case maxPool
}

/// A block of branches whose output channels are concatenated in order.
struct InceptionBlock: Sendable {
    /// A chain of convolutions, followed by one or more final convolutions that all take the output of the chain.
    struct Branch: Sendable {
        let start: BranchStart
        let chain: [NormalizedConvolution]
        let ends: [NormalizedConvolution]
    }

    private let branches: [Branch]
    /// Whether the block halves height and width, with max pooling of its input as the last branch.
    private let isReduction: Bool

    init(_ branches: [Branch], isReduction: Bool = false) {
        self.branches = branches
        self.isReduction = isReduction
    }

    /// Multiply-adds for one image of the given side.
    func multiplyAdds(side: Int) -> Int {
        branches.reduce(0) { sum, branch in
            var (place, total) = ((height: side, width: side), sum)
            for convolution in branch.chain {
                let (next, count) = convolution.cost(side: place)
                (place, total) = (next, total + count)
            }
            return branch.ends.reduce(total) { $0 + $1.cost(side: place).multiplyAdds }
        }
    }

    /// The side of the output for an image of the given side.
    func side(after side: Int) -> Int { isReduction ? (side - 3) / 2 + 1 : side }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let sides = x.shape[2...].map(side(after:))
        let channels = branches.reduce(0) { $0 + $1.ends.reduce(0) { $0 + $1.outputs } }
        var out = Tensor(uninitialized: [x.shape[0], channels + (isReduction ? x.shape[1] : 0)] + sides)
        var next = 0
        for branch in branches {
            var y: Tensor
            switch branch.start {
            case .input: y = x
            case .averagePool: y = ConvolutionInference.averagePool(x)
            case .maxPool: y = ConvolutionInference.maxPool(x, stride: 1, padding: 1)
            }
            for convolution in branch.chain { y = convolution(y) }
            for end in branch.ends {
                end(y, into: &out, firstChannel: next)
                next += end.outputs
            }
        }
        if isReduction { ConvolutionInference.maxPool(x, stride: 2, into: &out, firstChannel: next) }
        return out
    }
}

/// The five kinds of blocks, named as in torchvision.
extension InceptionBlock {
    /// Block with filters up to 5 x 5: Mixed_5b to 5d.
    static func a(_ scope: ParameterScope, _ inputs: Int, poolOutputs: Int) -> InceptionBlock {
        InceptionBlock([
            Branch(start: .input, chain: [], ends: [.init(scope / "branch1x1", inputs, 64, kernel: (1, 1))]),
            Branch(
                start: .input, chain: [.init(scope / "branch5x5_1", inputs, 48, kernel: (1, 1))],
                ends: [.init(scope / "branch5x5_2", 48, 64, kernel: (5, 5), padding: (2, 2))]),
            Branch(
                start: .input,
                chain: [
                    .init(scope / "branch3x3dbl_1", inputs, 64, kernel: (1, 1)),
                    .init(scope / "branch3x3dbl_2", 64, 96, kernel: (3, 3), padding: (1, 1)),
                ],
                ends: [.init(scope / "branch3x3dbl_3", 96, 96, kernel: (3, 3), padding: (1, 1))]),
            Branch(
                start: .averagePool, chain: [],
                ends: [.init(scope / "branch_pool", inputs, poolOutputs, kernel: (1, 1))]),
        ])
    }

    /// Block from 35 x 35 to 17 x 17: Mixed_6a.
    static func b(_ scope: ParameterScope, _ inputs: Int) -> InceptionBlock {
        InceptionBlock(
            [
                Branch(
                    start: .input, chain: [],
                    ends: [.init(scope / "branch3x3", inputs, 384, kernel: (3, 3), stride: 2)]),
                Branch(
                    start: .input,
                    chain: [
                        .init(scope / "branch3x3dbl_1", inputs, 64, kernel: (1, 1)),
                        .init(scope / "branch3x3dbl_2", 64, 96, kernel: (3, 3), padding: (1, 1)),
                    ],
                    ends: [.init(scope / "branch3x3dbl_3", 96, 96, kernel: (3, 3), stride: 2)]),
            ], isReduction: true)
    }

    /// Block with filters of 1 x 7 and 7 x 1: Mixed_6b to 6e.
    static func c(_ scope: ParameterScope, _ inputs: Int, width: Int) -> InceptionBlock {
        func across(_ name: String, _ inputs: Int, _ outputs: Int) -> NormalizedConvolution {
            .init(scope / name, inputs, outputs, kernel: (1, 7), padding: (0, 3))
        }
        func down(_ name: String, _ inputs: Int, _ outputs: Int) -> NormalizedConvolution {
            .init(scope / name, inputs, outputs, kernel: (7, 1), padding: (3, 0))
        }
        return InceptionBlock([
            Branch(start: .input, chain: [], ends: [.init(scope / "branch1x1", inputs, 192, kernel: (1, 1))]),
            Branch(
                start: .input,
                chain: [
                    .init(scope / "branch7x7_1", inputs, width, kernel: (1, 1)), across("branch7x7_2", width, width),
                ],
                ends: [down("branch7x7_3", width, 192)]),
            Branch(
                start: .input,
                chain: [
                    .init(scope / "branch7x7dbl_1", inputs, width, kernel: (1, 1)),
                    down("branch7x7dbl_2", width, width), across("branch7x7dbl_3", width, width),
                    down("branch7x7dbl_4", width, width),
                ],
                ends: [across("branch7x7dbl_5", width, 192)]),
            Branch(
                start: .averagePool, chain: [], ends: [.init(scope / "branch_pool", inputs, 192, kernel: (1, 1))]),
        ])
    }

    /// Block from 17 x 17 to 8 x 8: Mixed_7a.
    static func d(_ scope: ParameterScope, _ inputs: Int) -> InceptionBlock {
        InceptionBlock(
            [
                Branch(
                    start: .input, chain: [.init(scope / "branch3x3_1", inputs, 192, kernel: (1, 1))],
                    ends: [.init(scope / "branch3x3_2", 192, 320, kernel: (3, 3), stride: 2)]),
                Branch(
                    start: .input,
                    chain: [
                        .init(scope / "branch7x7x3_1", inputs, 192, kernel: (1, 1)),
                        .init(scope / "branch7x7x3_2", 192, 192, kernel: (1, 7), padding: (0, 3)),
                        .init(scope / "branch7x7x3_3", 192, 192, kernel: (7, 1), padding: (3, 0)),
                    ],
                    ends: [.init(scope / "branch7x7x3_4", 192, 192, kernel: (3, 3), stride: 2)]),
            ], isReduction: true)
    }

    /// Block whose branches split at their ends: Mixed_7b and 7c, which pool differently.
    static func e(_ scope: ParameterScope, _ inputs: Int, pool: BranchStart) -> InceptionBlock {
        func ends(_ first: String, _ second: String) -> [NormalizedConvolution] {
            [
                .init(scope / first, 384, 384, kernel: (1, 3), padding: (0, 1)),
                .init(scope / second, 384, 384, kernel: (3, 1), padding: (1, 0)),
            ]
        }
        return InceptionBlock([
            Branch(start: .input, chain: [], ends: [.init(scope / "branch1x1", inputs, 320, kernel: (1, 1))]),
            Branch(
                start: .input, chain: [.init(scope / "branch3x3_1", inputs, 384, kernel: (1, 1))],
                ends: ends("branch3x3_2a", "branch3x3_2b")),
            Branch(
                start: .input,
                chain: [
                    .init(scope / "branch3x3dbl_1", inputs, 448, kernel: (1, 1)),
                    .init(scope / "branch3x3dbl_2", 448, 384, kernel: (3, 3), padding: (1, 1)),
                ],
                ends: ends("branch3x3dbl_3a", "branch3x3dbl_3b")),
            Branch(start: pool, chain: [], ends: [.init(scope / "branch_pool", inputs, 192, kernel: (1, 1))]),
        ])
    }
}
