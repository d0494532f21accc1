import PixNerdLayers
import PixNerdTensors

/// Creates a 3 x 3 convolution that keeps height and width.
func sameSizeConvolution(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int) -> Convolution {
    Convolution(scope, inputs: inputs, outputs: outputs, kernel: (3, 3), padding: ConvolutionPadding(1))
}

/// x + conv2(silu(norm2(conv1(silu(norm1(x)))))), with a 1 x 1 convolution of x if the number of channels changes.
struct ResidualBlock: Sendable {
    private let firstNorm: GroupNorm
    private let firstConvolution: Convolution
    private let secondNorm: GroupNorm
    private let secondConvolution: Convolution
    private let shortcut: Convolution?

    init(_ scope: ParameterScope, inputs: Int, outputs: Int, groups: Int) {
        firstNorm = GroupNorm(scope / "norm1", channels: inputs, groups: groups)
        firstConvolution = sameSizeConvolution(scope / "conv1", inputs, outputs)
        secondNorm = GroupNorm(scope / "norm2", channels: outputs, groups: groups)
        secondConvolution = sameSizeConvolution(scope / "conv2", outputs, outputs)
        shortcut =
            inputs == outputs
            ? nil : Convolution(scope / "conv_shortcut", inputs: inputs, outputs: outputs, kernel: (1, 1))
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let inner = firstConvolution(firstNorm(x, silu: true))
        return sum(shortcut.map { $0(x) } ?? x, secondConvolution(secondNorm(inner, silu: true)))
    }
}

/// x + single-head self-attention over all pixels of the normalised x.
struct PixelAttention: Sendable {
    private let norm: GroupNorm
    private let queries: Linear
    private let keys: Linear
    private let values: Linear
    private let output: Linear

    init(_ scope: ParameterScope, width: Int, groups: Int) {
        norm = GroupNorm(scope / "group_norm", channels: width, groups: groups)
        func linear(_ scope: ParameterScope) -> Linear { Linear(scope, inputs: width, outputs: width) }
        queries = linear(scope / "to_q")
        keys = linear(scope / "to_k")
        values = linear(scope / "to_v")
        output = linear(scope / "to_out" / 0)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let normalized = norm(x)
        let attended = spatialAttention(
            queries: Self.overChannels(queries, normalized), keys: Self.overChannels(keys, normalized),
            values: Self.overChannels(values, normalized))
        return sum(x, Self.overChannels(output, attended))
    }

    /// Applies a linear layer to the channels of each pixel.
    private static func overChannels(_ layer: Linear, _ x: Tensor) -> Tensor {
        let weight = layer.weight.tensor
        return convolution(x, weight: weight.reshaped(weight.shape + [1, 1]), bias: layer.bias?.tensor)
    }
}

/// Two residual blocks with attention between them, at the coarsest level.
struct MiddleBlocks: Sendable {
    private let first: ResidualBlock
    private let attention: PixelAttention?
    private let second: ResidualBlock

    init(_ scope: ParameterScope, _ architecture: AutoencoderArchitecture) {
        let width = architecture.levelWidths[architecture.levelWidths.count - 1]
        func block(_ index: Int) -> ResidualBlock {
            ResidualBlock(scope / "resnets" / index, inputs: width, outputs: width, groups: architecture.groups)
        }
        attention =
            architecture.hasAttention
            ? PixelAttention(scope / "attentions" / 0, width: width, groups: architecture.groups) : nil
        first = block(0)
        second = block(1)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let middle = first(x)
        return second(attention.map { $0(middle) } ?? middle)
    }
}

/// The encoder, from images to the mean and log-variance of latents (2 c channels).
struct AutoencoderEncoder: Sendable {
    private struct Level: Sendable {
        let blocks: [ResidualBlock]
        let halving: Convolution?
    }

    private let input: Convolution
    private let levels: [Level]
    private let middle: MiddleBlocks
    private let norm: GroupNorm
    private let output: Convolution

    init(_ scope: ParameterScope, _ architecture: AutoencoderArchitecture) {
        let widths = architecture.levelWidths
        input = sameSizeConvolution(scope / "conv_in", architecture.channels, widths[0])
        levels = widths.indices.map { level in
            let scope = scope / "down_blocks" / level
            return Level(
                blocks: (0..<architecture.blocksPerLevel).map { block in
                    ResidualBlock(
                        scope / "resnets" / block, inputs: block == 0 && level > 0 ? widths[level - 1] : widths[level],
                        outputs: widths[level], groups: architecture.groups)
                },
                // Padding with zeros at the bottom and right only.
                halving: level + 1 == widths.count
                    ? nil
                    : Convolution(
                        scope / "downsamplers" / 0 / "conv", inputs: widths[level], outputs: widths[level],
                        kernel: (3, 3), stride: 2, padding: ConvolutionPadding(bottom: 1, right: 1)))
        }
        middle = MiddleBlocks(scope / "mid_block", architecture)
        let last = widths[widths.count - 1]
        norm = GroupNorm(scope / "conv_norm_out", channels: last, groups: architecture.groups)
        output = sameSizeConvolution(scope / "conv_out", last, 2 * architecture.latentChannels)
    }

    func callAsFunction(_ pictures: Tensor) -> Tensor {
        var x = input(pictures)
        for level in levels {
            for block in level.blocks { x = block(x) }
            if let halving = level.halving { x = halving(x) }
        }
        return output(norm(middle(x), silu: true))
    }
}

/// The decoder, from latents to images.
struct AutoencoderDecoder: Sendable {
    private struct Level: Sendable {
        let blocks: [ResidualBlock]
        let afterDoubling: Convolution?
    }

    private let input: Convolution
    private let middle: MiddleBlocks
    private let levels: [Level]
    private let norm: GroupNorm
    private let output: Convolution

    init(_ scope: ParameterScope, _ architecture: AutoencoderArchitecture) {
        let widths = Array(architecture.levelWidths.reversed())
        input = sameSizeConvolution(scope / "conv_in", architecture.latentChannels, widths[0])
        middle = MiddleBlocks(scope / "mid_block", architecture)
        levels = widths.indices.map { level in
            let scope = scope / "up_blocks" / level
            return Level(
                blocks: (0...architecture.blocksPerLevel).map { block in
                    ResidualBlock(
                        scope / "resnets" / block, inputs: block == 0 && level > 0 ? widths[level - 1] : widths[level],
                        outputs: widths[level], groups: architecture.groups)
                },
                afterDoubling: level + 1 == widths.count
                    ? nil : sameSizeConvolution(scope / "upsamplers" / 0 / "conv", widths[level], widths[level]))
        }
        let last = widths[widths.count - 1]
        norm = GroupNorm(scope / "conv_norm_out", channels: last, groups: architecture.groups)
        output = sameSizeConvolution(scope / "conv_out", last, architecture.channels)
    }

    func callAsFunction(_ latents: Tensor) -> Tensor {
        var x = middle(input(latents))
        for level in levels {
            for block in level.blocks { x = block(x) }
            if let convolution = level.afterDoubling { x = convolution(doubledToNearest(x)) }
        }
        return output(norm(x, silu: true))
    }
}
