import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension MiniT2IArchitecture: TrainableArchitecture {
    public static let kind = "MiniT2I"

    public var tokenWidth: Int { hiddenSize }
    public var tokenBlocks: Int { doubleBlocks }
    public var takesText: Bool { true }
    /// What the configuration says; the published models were trained at 512 pixels, which their tensors do not tell.
    public var trainedSide: Int? { imageSide ?? (preset == nil ? nil : 512) }
    /// None: a MiniT2I is told nothing but the image and the text, and setting them changes nothing.
    public var numbers: [ModelNumber] {
        get { [] }
        set { _ = newValue }
    }

    public var textTokens: Int? { textLength }

    /// The clean image, from noise twice as large as usual.
    public var publishedPrediction: Prediction { Prediction(.picture, noiseScale: 2, arrives: false) }

    /// 100 steps of Euler's method, guided at all times, the first one too, by the scale that the authors give for
    /// general use: 2.5 for B/16 and 6 for L/16. Their program samples every size at 6 unless told otherwise.
    public var publishedSampling: SamplingSettings {
        let times = guidanceInterval ?? [0, 1]
        return SamplingSettings(
            sampler: .euler, steps: steps ?? 100,
            guidance: Guidance(scales: [preset == "B/16" ? 2.5 : 6], times: times, includesEnds: true))
    }

    public var summary: [String] {
        [
            "MiniT2I: hidden_size \(hiddenSize), num_heads \(heads), head_dim \(headWidth), depth_double "
                + "\(doubleBlocks), txt_preamble_depth \(textBlocks),",
            "mlp_width \(feedForwardWidth), patch_size \(patchSize), in_channels \(channels), pca_channels "
                + "\(bottleneck),",
            "txt_input_size \(textWidth), prompt_length \(textLength)",
        ]
    }

    public func load(_ source: any TensorSource, recomputesBlocks: Bool) throws -> any Denoiser {
        try MiniT2I(self, loading: source, recomputesBlocks: recomputesBlocks)
    }

    public func makeModel(seed: UInt64, recomputesBlocks: Bool) -> any AlignableDenoiser {
        MiniT2I(self, seed: seed, recomputesBlocks: recomputesBlocks)
    }

    public func conditioner(_ sources: ConditionerSources) throws -> any Conditioner {
        try TextConditioner(
            width: textWidth, length: textLength, reading: .filledWithModelRow, sources.text, origin: sources.origin)
    }

    /// Width of the heads together.
    private var attendedWidth: Int { heads * headWidth }

    /// Number of streams of tokens, each with layers of its own.
    private var streams: Int { textBlocks + 2 * doubleBlocks }

    public var blockMatrixSizes: [(rows: Int, columns: Int)] {
        let (width, inner) = (hiddenSize, feedForwardWidth)
        let ofStream: [(rows: Int, columns: Int)] = [
            (3 * attendedWidth, width), (width, attendedWidth), (inner, width), (inner, width), (width, inner),
        ]
        return (0..<streams).flatMap { _ in ofStream }
    }

    public var parameterCount: Int {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let (width, attended, text) = (count(hiddenSize), count(attendedWidth), count(textWidth))
        let ofStream =
            2 * width + 3 * attended * (width + 1) + (attended + 1) * width
            + 3 * width * count(feedForwardWidth)
        let norms = 2 * count(headWidth) * count(textBlocks + doubleBlocks)
        let values = count(channels) * count(patchSize) * count(patchSize)
        let ends = (values + width) * count(bottleneck) + width + (width + 1) * text + width + (width + 1) * values
        return (count(streams) * ofStream + norms + ends).clamped
    }

    /// Multiply-adds of a token's queries, keys and values, and of what is behind its attention.
    private var ofToken: (parts: CheckedInt, later: CheckedInt) {
        let (hidden, attended) = (CheckedInt(hiddenSize), CheckedInt(attendedWidth))
        return (3 * hidden * attended, hidden * attended + 3 * hidden * CheckedInt(feedForwardWidth))
    }

    /// Multiply-adds of what follows from a text alone, or the largest `Int`.
    public var textMultiplyAdds: Int { ofText.clamped }

    private var ofText: CheckedInt {
        let (rows, attended) = (CheckedInt(textLength), CheckedInt(attendedWidth))
        let ofToken = ofToken.parts + ofToken.later + 2 * rows * attended
        return rows * (CheckedInt(textWidth) * CheckedInt(hiddenSize) + CheckedInt(textBlocks) * ofToken)
    }

    public func multiplyAdds(height: Int, width: Int) -> Int {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let tokens = count(height / patchSize) * count(width / patchSize)
        let (hidden, rows) = (count(hiddenSize), count(textLength))
        let all = tokens + rows
        // Of the answers to one token.
        let answer = 2 * all * count(attendedWidth)
        let block = all * (ofToken.parts + ofToken.later + answer)
        // Behind the last attention nothing reads the text.
        let spared = rows * (ofToken.later + answer)
        let values = count(channels) * count(patchSize) * count(patchSize)
        let ends = tokens * ((values + hidden) * count(bottleneck) + hidden * values)
        return (count(doubleBlocks) * block - spared + ofText + ends).clamped
    }

    public func activationBytes(
        batch: Int, height: Int, width: Int, recompute: Bool, precision: Precision
    ) -> Int {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let hidden = count(hiddenSize)
        let tokens = count(batch) * count(height / patchSize) * count(width / patchSize)
        let rows = count(batch) * count(textLength)
        // Kept for the gradients of a block: its input, two norms, the sum behind the attention, queries, keys and values,
        // the answers, and gates with values.
        let ofToken = 4 * hidden + 4 * count(attendedWidth) + 2 * count(feedForwardWidth)
        let (double, text) = ((tokens + rows) * ofToken, rows * ofToken)
        let values = count(channels) * count(patchSize) * count(patchSize)
        let ends = tokens * (6 * values + 3 * hidden + count(bottleneck)) + rows * (count(textWidth) + hidden)
        let bytes = count(precision == .bf16 ? 2 : 4)
        // The inputs of recomputed blocks stay float32, and are kept joined and apart.
        let (inputs, kept) =
            recompute
            ? (2 * count(doubleBlocks) * (tokens + rows) * hidden + count(textBlocks) * rows * hidden, double)
            : (count(0), count(doubleBlocks) * double + count(textBlocks) * text)
        return (4 * (inputs + double + ends) + bytes * kept).clamped
    }
}
