import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors
import PixNerdText

extension PixArtArchitecture: DenoiserArchitecture {
    public static let kind = "PixArt"

    public var tokenWidth: Int { hiddenSize }
    public var tokenBlocks: Int { depth }
    public var takesText: Bool { true }
    public var publishedCleaning: CaptionCleaning { .published }
    public var trainedSide: Int? { baseGrid * patchSize }

    /// The published pipelines: 20 steps of DPM-Solver++ over whole diffusion steps, guidance 4.5.
    public var publishedSampling: SamplingSettings {
        SamplingSettings(
            sampler: .dpm, steps: 20, guidance: Guidance(scale: 4.5, lowerTime: 0, upperTime: 1),
            grid: .diffusion(.diffusers, firstStep: 999))
    }

    public var summary: [String] {
        [
            "PixArt: hidden_size \(hiddenSize), num_heads \(heads), depth \(depth), patch_size \(patchSize), "
                + "in_channels \(channels),",
            "caption_channels \(textWidth), model_max_length \(textLength), base_size \(baseGrid), "
                + "pe_interpolation \(interpolation)"
                + (learnsSigma ? ", learn_sigma (sampling does not use the predicted variance)" : ""),
        ] + notes
    }

    private var notes: [String] {
        var notes: [String] = []
        if takesSizes { notes.append("is told height, width and ratio of an image") }
        if !hasEmptyRows { notes.append("no text is what the encoder gives for an empty prompt") }
        if compression > 1 { notes.append("\(compressedBlocks.count) blocks with compressed keys") }
        if normalizesKeys { notes.append("normalises queries and keys") }
        if controlBlocks > 0 { notes.append("with a ControlNet of \(counted(controlBlocks, "block"))") }
        return notes.isEmpty ? [] : ["(" + notes.joined(separator: "; ") + ")"]
    }

    public var parameterCount: Int {
        let width = CheckedInt(hiddenSize)
        func layer(_ inputs: Int, _ outputs: Int) -> CheckedInt { (CheckedInt(inputs) + 1) * CheckedInt(outputs) }
        let squares = CheckedInt(compression) * CheckedInt(compression)
        let compressed = width * (squares + 3)
        let norms = normalizesKeys ? 4 * width : 0
        let block =
            layer(hiddenSize, 3 * hiddenSize) + layer(hiddenSize, hiddenSize) + 6 * width + norms
            + layer(hiddenSize, hiddenSize) + layer(hiddenSize, 2 * hiddenSize) + layer(hiddenSize, hiddenSize)
            + layer(hiddenSize, feedForwardWidth) + layer(feedForwardWidth, hiddenSize)
        let time = layer(256, hiddenSize) + layer(hiddenSize, hiddenSize) + layer(hiddenSize, 6 * hiddenSize)
        let third = hiddenSize / 3
        let sizes = takesSizes ? 2 * (layer(256, third) + layer(third, third)) : 0
        let text = layer(textWidth, hiddenSize) + layer(hiddenSize, hiddenSize)
        let ends =
            layer(channels * patchSize * patchSize, hiddenSize) + 2 * width
            + layer(hiddenSize, patchSize * patchSize * outputChannels)
        let after = layer(hiddenSize, hiddenSize)
        let control = controlBlocks > 0 ? CheckedInt(controlBlocks) * (block + after) + after : 0
        let blocks = CheckedInt(depth) * block + CheckedInt(compressedBlocks.count) * compressed
        return (blocks + time + sizes + text + ends + control).clamped
    }

    public func multiplyAdds(height: Int, width: Int) -> Int {
        let tokens = CheckedInt(height / patchSize) * CheckedInt(width / patchSize)
        let hidden = CheckedInt(hiddenSize)
        let (square, rows) = (hidden * hidden, CheckedInt(textLength))
        // Queries, keys, values and both outputs; the MLP; attention to tokens and to the text.
        let block = tokens * 14 * square + rows * 2 * square + 2 * tokens * (tokens + rows) * hidden
        let ends = tokens * CheckedInt(2 * channels * patchSize * patchSize) * hidden
        let text = rows * (CheckedInt(textWidth) * hidden + square)
        let control = CheckedInt(controlBlocks) * (block + tokens * square)
        return (CheckedInt(depth) * block + control + ends + text + 8 * square).clamped
    }

    public func load(_ source: any TensorSource, recomputesBlocks: Bool) throws -> any Denoiser {
        try PixArt(self, loading: source, recomputesBlocks: recomputesBlocks)
    }

    public func conditioner(_ sources: ConditionerSources) throws -> any Conditioner {
        try TextConditioner(
            width: textWidth, length: textLength, reading: hasEmptyRows ? .ownTokensOrModelRows : .ownTokens,
            sources.text, origin: sources.origin)
    }
}
