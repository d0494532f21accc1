import PixNerdSupport
import PixNerdTensors

extension AutoencoderArchitecture {
    /// Number of parameters of a model of these sizes.
    public var parameterCount: Int {
        typealias Count = CheckedInt
        func convolution(_ inputs: Count, _ outputs: Count, kernel: Count = 9) -> Count {
            kernel * inputs * outputs + outputs
        }
        func norm(_ width: Count) -> Count { 2 * width }
        func block(_ inputs: Count, _ outputs: Count) -> Count {
            norm(inputs) + convolution(inputs, outputs) + norm(outputs) + convolution(outputs, outputs)
                + (inputs.value == outputs.value ? 0 : convolution(inputs, outputs, kernel: 1))
        }
        let widths = levelWidths.map { Count($0) }
        let (colours, latent, first, last) = (
            Count(channels), Count(latentChannels), widths[0], widths[widths.count - 1]
        )
        let attention = hasAttention ? norm(last) + 4 * convolution(last, last, kernel: 1) : 0
        let middle = 2 * block(last, last) + attention
        let resizing = widths.dropLast().reduce(0) { $0 + convolution($1, $1) }
        let enlarging = widths.dropFirst().reduce(0) { $0 + convolution($1, $1) }
        let encoder = convolution(colours, first) + middle + resizing + norm(last) + convolution(last, 2 * latent)
        let decoder = convolution(latent, last) + middle + enlarging + norm(first) + convolution(first, colours)
        let quant =
            (hasQuantConvolution ? convolution(2 * latent, 2 * latent, kernel: 1) : 0)
            + (hasPostQuantConvolution ? convolution(latent, latent, kernel: 1) : 0)
        let levels = residualBlocks.reduce(0) { $0 + block(Count($1.inputs), Count($1.outputs)) }
        return (encoder + decoder + quant + levels).clamped
    }

    /// Number of activations that training keeps per image, from encoding and decoding together.
    public func activations(height: Int, width: Int) -> Int {
        typealias Count = CheckedInt
        let last = levelWidths.count - 1
        func pixels(_ level: Int) -> Count { Count(height >> level) * Count(width >> level) }
        let blocks: Count = residualBlocks.reduce(0) { total, block in
            let shortcut = block.inputs == block.outputs ? 0 : block.outputs
            return total + pixels(block.level) * Count(block.inputs + 4 * block.outputs + shortcut)
        }
        let middle = pixels(last) * Count(levelWidths[last]) * (2 * 2 * 5 + (hasAttention ? 2 * 6 : 0))
        // Activations before and after the levels, and at the end of each level.
        let ends: Count = levelWidths.enumerated().reduce(0) { $0 + 4 * pixels($1.offset) * Count($1.element) }
        return (blocks + middle + ends).clamped
    }

    /// The residual blocks of all levels, first of the encoder, then of the decoder, without the middle blocks.
    private var residualBlocks: [(level: Int, inputs: Int, outputs: Int)] {
        func blocks(_ level: Int, from inputs: Int, _ count: Int) -> [(level: Int, inputs: Int, outputs: Int)] {
            (0..<count).map { (level, $0 == 0 ? inputs : levelWidths[level], levelWidths[level]) }
        }
        let last = levelWidths.count - 1
        return levelWidths.indices.flatMap { blocks($0, from: levelWidths[max(0, $0 - 1)], blocksPerLevel) }
            + levelWidths.indices.reversed().flatMap {
                blocks($0, from: levelWidths[min(last, $0 + 1)], blocksPerLevel + 1)
            }
    }
}
