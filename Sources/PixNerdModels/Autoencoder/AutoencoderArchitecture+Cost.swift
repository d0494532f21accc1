import PixNerdSupport

extension AutoencoderArchitecture {
    /// Multiply-adds of encoding one image of the given size in pixels, or the largest `Int`.
    public func encodingMultiplyAdds(height: Int, width: Int) -> Int {
        var pixels = CheckedInt(height) * CheckedInt(width)
        var inputs = levelWidths[0]
        var total = pixels * CheckedInt(9 * channels * inputs)
        for (level, outputs) in levelWidths.enumerated() {
            for block in 0..<blocksPerLevel {
                total += pixels * Self.residualBlock(block == 0 ? inputs : outputs, outputs)
            }
            if level + 1 < levelWidths.count {
                pixels = pixels / 4
                total += pixels * CheckedInt(9 * outputs * outputs)
            }
            inputs = outputs
        }
        let quant = hasQuantConvolution ? 4 * latentChannels * latentChannels : 0
        return (total + middle(pixels: pixels) + pixels * CheckedInt(9 * inputs * 2 * latentChannels + quant)).clamped
    }

    /// Multiply-adds of decoding to one image of the given size in pixels, or the largest `Int`.
    public func decodingMultiplyAdds(height: Int, width: Int) -> Int {
        var pixels = CheckedInt(height / reduction) * CheckedInt(width / reduction)
        var inputs = levelWidths[levelWidths.count - 1]
        let quant = hasPostQuantConvolution ? latentChannels * latentChannels : 0
        var total = pixels * CheckedInt(9 * latentChannels * inputs + quant) + middle(pixels: pixels)
        for (level, outputs) in levelWidths.enumerated().reversed() {
            for block in 0...blocksPerLevel {
                total += pixels * Self.residualBlock(block == 0 ? inputs : outputs, outputs)
            }
            if level > 0 {
                pixels = pixels * 4
                total += pixels * CheckedInt(9 * outputs * outputs)
            }
            inputs = outputs
        }
        return (total + pixels * CheckedInt(9 * inputs * channels)).clamped
    }

    private static func residualBlock(_ inputs: Int, _ outputs: Int) -> CheckedInt {
        CheckedInt(9 * (inputs + outputs) * outputs + (inputs == outputs ? 0 : inputs * outputs))
    }

    private func middle(pixels: CheckedInt) -> CheckedInt {
        let width = levelWidths[levelWidths.count - 1]
        let attention = hasAttention ? pixels * (CheckedInt(4 * width * width) + 2 * pixels * CheckedInt(width)) : 0
        return 2 * pixels * Self.residualBlock(width, width) + attention
    }
}
