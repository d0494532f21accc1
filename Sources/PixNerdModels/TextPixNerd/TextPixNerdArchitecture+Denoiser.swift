import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension TextPixNerdArchitecture: TrainableArchitecture {
    public static let kind = "PixNerd for text"

    public var tokenWidth: Int { hiddenSize }
    public var tokenBlocks: Int { encoderBlocks }
    public var decodesFields: Bool { true }
    public var takesText: Bool { true }
    /// The published checkpoint was trained at 512 pixels last, which its tensors do not tell.
    public var trainedSide: Int? { (try? self == TextPixNerdArchitecture()) == true ? 512 : nil }
    public var isPublishedForFields: Bool { true }

    /// The published demo: 25 steps of Adams of order 2, guidance 4 at all times but 0, shift 3.
    public var publishedSampling: SamplingSettings {
        SamplingSettings(
            sampler: .adams(order: 2), steps: 25, guidance: Guidance(scale: 4, lowerTime: 0, upperTime: 1), shift: 3)
    }

    public var summary: [String] {
        [
            "PixNerd for text: hidden_size \(hiddenSize), num_groups \(heads), num_encoder_blocks \(encoderBlocks), "
                + "num_decoder_blocks \(decoderBlocks),",
            "num_text_blocks \(textBlocks), patch_size \(patchSize), in_channels \(channels), "
                + "decoder_hidden_size \(fieldWidth), ratio \(fieldRatio),",
            "txt_embed_dim \(textWidth), txt_max_length \(textLength)",
        ] + (numbers.summary.map { [$0] } ?? [])
    }

    public func load(_ source: any TensorSource, recomputesBlocks: Bool) throws -> any Denoiser {
        try TextPixNerd(loading: source, recomputesBlocks: recomputesBlocks)
    }

    public func makeModel(seed: UInt64, recomputesBlocks: Bool) -> any AlignableDenoiser {
        TextPixNerd(self, seed: seed, recomputesBlocks: recomputesBlocks)
    }

    public func conditioner(_ sources: ConditionerSources) throws -> any Conditioner {
        try TextConditioner(width: textWidth, length: textLength, sources.text, origin: sources.origin)
    }

    public var blockMatrixSizes: [(rows: Int, columns: Int)] {
        let (width, inner) = (hiddenSize, feedForwardWidth)
        let common: [(rows: Int, columns: Int)] = [
            (3 * width, width), (width, width), (2 * inner, width), (width, inner), (6 * width, width),
        ]
        let keysAndValuesOfText = (rows: 2 * width, columns: width)
        return (0..<encoderBlocks).flatMap { _ in common + [keysAndValuesOfText] }
            + (0..<textBlocks).flatMap { _ in common }
    }

    public func activationBytes(
        batch: Int, height: Int, width: Int, recompute: Bool, precision: Precision
    ) -> Int {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let (hidden, field) = (count(hiddenSize), count(fieldWidth))
        let tokens = count(batch) * count(height / patchSize) * count(width / patchSize)
        let rows = count(batch) * count(textLength)
        // Kept for the gradients of a block: its input, two norms, queries, keys and values, attention, both outputs,
        // and gates with values. Each block of patches also keeps keys and values of the text.
        let ofToken = 9 * hidden + 2 * count(feedForwardWidth)
        let patchBlock = tokens * ofToken + rows * 2 * hidden
        let textBlock = rows * ofToken
        // Generated weights and their gradients.
        let fields = tokens * (2 * count(decoderBlocks) * 2 * field * field * count(fieldRatio))
        let pixels = tokens * (12 * count(channels) * count(patchSize) * count(patchSize))
        // Rows as they come, embedded, and with positions.
        let text = rows * (count(textWidth) + 3 * hidden)
        let bytes = count(precision == .bf16 ? 2 : 4)
        // The inputs of recomputed blocks stay float32.
        let (inputs, kept) =
            recompute
            ? ((count(encoderBlocks) * tokens + count(textBlocks) * rows) * hidden, patchBlock + textBlock)
            : (count(0), count(encoderBlocks) * patchBlock + count(textBlocks) * textBlock)
        return (4 * (inputs + patchBlock + pixels + text) + bytes * (kept + fields)).clamped
    }
}
