import PixNerdLayers
import PixNerdTensors

/// x + conv2(silu(norm2(conv1(silu(norm1(x)))))) over the frames of clips, with a convolution of one frame and one pixel of x
/// if the number of channels changes. The norms span all frames of a clip.
struct TemporalResidualBlock: Sendable {
    private let firstNorm: GroupNorm
    private let firstConvolution: CausalConvolution
    private let secondNorm: GroupNorm
    private let secondConvolution: CausalConvolution
    private let shortcut: CausalConvolution?

    init(_ scope: ParameterScope, inputs: Int, outputs: Int, groups: Int) {
        func convolution(_ name: String, _ inputs: Int, kernel: Int = 3) -> CausalConvolution {
            CausalConvolution(scope / name / "conv", inputs: inputs, outputs: outputs, kernel: kernel, bias: false)
        }
        firstNorm = temporalNorm(scope / "norm1", inputs, groups)
        firstConvolution = convolution("conv1", inputs)
        secondNorm = temporalNorm(scope / "norm2", outputs, groups)
        secondConvolution = convolution("conv2", outputs)
        shortcut = inputs == outputs ? nil : convolution("conv3", inputs, kernel: 1)
    }

    func callAsFunction(_ x: Tensor, frames: Int) -> Tensor {
        let inner = firstConvolution(firstNorm(x, silu: true, frames: frames), frames: frames)
        return sum(
            shortcut.map { $0(x, frames: frames) } ?? x,
            secondConvolution(secondNorm(inner, silu: true, frames: frames), frames: frames))
    }

    /// The blocks of a level, the first of which changes the number of channels.
    static func level(_ scope: ParameterScope, inputs: Int, outputs: Int, _ architecture: TemporalArchitecture)
        -> [Self]
    {
        (0..<architecture.blocksPerLevel).map { block in
            TemporalResidualBlock(
                scope / block, inputs: block == 0 ? inputs : outputs, outputs: outputs, groups: architecture.groups)
        }
    }
}

/// A norm over the frames of a clip, with the epsilon of PyTorch's default.
private func temporalNorm(_ scope: ParameterScope, _ channels: Int, _ groups: Int) -> GroupNorm {
    GroupNorm(scope, channels: channels, groups: groups, epsilon: 1e-5)
}

/// A level of the encoder or decoder, and what then halves or doubles the number of frames; nil where it stays.
private struct TemporalLevel: Sendable {
    let blocks: [TemporalResidualBlock]
    let resampling: CausalConvolution?
}

/// The encoder over time, from latents of frames to the mean and log-variance of latents of several frames (2 c channels).
struct TemporalEncoder: Sendable {
    private let input: CausalConvolution
    private let levels: [TemporalLevel]
    private let last: [TemporalResidualBlock]
    private let norm: GroupNorm
    private let output: CausalConvolution

    init(_ scope: ParameterScope, _ architecture: TemporalArchitecture) {
        let widths = architecture.widths
        let coarsest = widths[widths.count - 1]
        input = CausalConvolution(
            scope / "conv_in" / "conv", inputs: architecture.channels, outputs: architecture.filters, bias: false)
        levels = widths.indices.map { level in
            let width = widths[level]
            return TemporalLevel(
                blocks: TemporalResidualBlock.level(
                    scope / "block_res_blocks" / level, inputs: level == 0 ? architecture.filters : widths[level - 1],
                    outputs: width, architecture),
                resampling: level < architecture.halvesTime.count && architecture.halvesTime[level]
                    ? CausalConvolution(
                        scope / "conv_blocks" / level / "conv", inputs: width, outputs: width, timeStride: 2) : nil)
        }
        last = TemporalResidualBlock.level(scope / "res_blocks", inputs: coarsest, outputs: coarsest, architecture)
        norm = temporalNorm(scope / "norm1", coarsest, architecture.groups)
        output = CausalConvolution(
            scope / "conv2" / "conv", inputs: coarsest, outputs: 2 * architecture.latentChannels, kernel: 1)
    }

    /// - Parameter frames: frames of each clip of x, a multiple of those for each latent.
    func callAsFunction(_ x: Tensor, frames: Int) -> Tensor {
        var (x, frames) = (input(x, frames: frames), frames)
        for level in levels {
            for block in level.blocks { x = block(x, frames: frames) }
            if let halving = level.resampling { (x, frames) = (halving(x, frames: frames), frames / 2) }
        }
        for block in last { x = block(x, frames: frames) }
        return output(norm(x, silu: true, frames: frames), frames: frames)
    }
}

/// The decoder over time, from latents of several frames to latents of each frame. Its levels have the encoder's numbers and
/// run from the last to the first.
struct TemporalDecoder: Sendable {
    private let input: CausalConvolution
    private let first: [TemporalResidualBlock]
    private let levels: [TemporalLevel]
    private let norm: GroupNorm
    private let output: CausalConvolution

    init(_ scope: ParameterScope, _ architecture: TemporalArchitecture) {
        let widths = architecture.widths
        let coarsest = widths[widths.count - 1]
        input = CausalConvolution(
            scope / "conv1" / "conv", inputs: architecture.latentChannels, outputs: coarsest)
        first = TemporalResidualBlock.level(scope / "res_blocks", inputs: coarsest, outputs: coarsest, architecture)
        levels = widths.indices.reversed().map { level in
            let (width, above) = (widths[level], widths[min(level + 1, widths.count - 1)])
            return TemporalLevel(
                blocks: TemporalResidualBlock.level(
                    scope / "block_res_blocks" / level, inputs: above, outputs: width, architecture),
                resampling: level > 0 && architecture.halvesTime[level - 1]
                    ? CausalConvolution(
                        scope / "conv_blocks" / (level - 1) / "conv", inputs: width, outputs: 2 * width,
                        doublesTime: true) : nil)
        }
        norm = temporalNorm(scope / "norm1", widths[0], architecture.groups)
        output = CausalConvolution(scope / "conv_out" / "conv", inputs: widths[0], outputs: architecture.channels)
    }

    /// - Parameter frames: latents of each clip of x.
    func callAsFunction(_ x: Tensor, frames: Int) -> Tensor {
        var (x, frames) = (input(x, frames: frames), frames)
        for block in first { x = block(x, frames: frames) }
        for level in levels {
            for block in level.blocks { x = block(x, frames: frames) }
            if let doubling = level.resampling { (x, frames) = (doubling(x, frames: frames), 2 * frames) }
        }
        return output(norm(x, silu: true, frames: frames), frames: frames)
    }
}
