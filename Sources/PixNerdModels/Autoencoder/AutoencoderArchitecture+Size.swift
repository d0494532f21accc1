import PixNerdTensors

extension AutoencoderArchitecture {
    /// Number of parameters of a model of these sizes.
    public var parameterCount: Int {
        func convolution(_ inputs: Int, _ outputs: Int, kernel: Int = 9) -> Int { kernel * inputs * outputs + outputs }
        func norm(_ width: Int) -> Int { 2 * width }
        func block(_ inputs: Int, _ outputs: Int) -> Int {
            norm(inputs) + convolution(inputs, outputs) + norm(outputs) + convolution(outputs, outputs)
                + (inputs == outputs ? 0 : convolution(inputs, outputs, kernel: 1))
        }
        let (first, last) = (levelWidths[0], levelWidths[levelWidths.count - 1])
        let attention = hasAttention ? norm(last) + 4 * convolution(last, last, kernel: 1) : 0
        let middle = 2 * block(last, last) + attention
        let resizing = levelWidths.dropLast().reduce(0) { $0 + convolution($1, $1) }
        let enlarging = levelWidths.dropFirst().reduce(0) { $0 + convolution($1, $1) }
        let encoder =
            convolution(channels, first) + middle + resizing + norm(last) + convolution(last, 2 * latentChannels)
        let decoder =
            convolution(latentChannels, last) + middle + enlarging + norm(first) + convolution(first, channels)
        let quant =
            (hasQuantConvolution ? convolution(2 * latentChannels, 2 * latentChannels, kernel: 1) : 0)
            + (hasPostQuantConvolution ? convolution(latentChannels, latentChannels, kernel: 1) : 0)
        return encoder + decoder + quant + residualBlocks.reduce(0) { $0 + block($1.inputs, $1.outputs) }
    }

    /// Number of activations that training keeps per image, from encoding and decoding together.
    public func activations(height: Int, width: Int) -> Int {
        let last = levelWidths.count - 1
        func pixels(_ level: Int) -> Int { (height >> level) * (width >> level) }
        let blocks = residualBlocks.reduce(0) { total, block in
            let shortcut = block.inputs == block.outputs ? 0 : block.outputs
            return total + pixels(block.level) * (block.inputs + 4 * block.outputs + shortcut)
        }
        let middle = pixels(last) * levelWidths[last] * (2 * 2 * 5 + (hasAttention ? 2 * 6 : 0))
        // Activations before and after the levels, and at the end of each level.
        let ends = levelWidths.enumerated().reduce(0) { $0 + 4 * pixels($1.offset) * $1.element }
        return blocks + middle + ends
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
