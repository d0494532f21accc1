import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension PixNerdArchitecture: TrainableArchitecture {
    public static let kind = "PixNerd"

    public static func recognizes(_ source: any TensorSource) -> Bool {
        ["s_embedder.proj.weight", fieldEmbedder(.corners) + ".weight"].contains { source.shape(of: $0) != nil }
            || source.shape(of: "blocks.0.mlp.w1.weight") != nil
    }

    public var tokenWidth: Int { hiddenSize }
    public var tokenBlocks: Int { conditionedBlocks }
    public var decodesFields: Bool { head == .field }
    public var takesText: Bool { captions != nil }

    public var summary: [String] {
        let sizes =
            head == .field ? "hidden_size_x \(fieldWidth), nerf_mlpratio \(fieldRatio)" : "linear head"
        let fields =
            (fieldPositions == .corners ? "" : ", field_positions \(fieldPositions.rawValue)")
            + (fieldNeighbors ? ", field_neighbors" : "") + (fieldOverlap > 0 ? ", field_overlap \(fieldOverlap)" : "")
        return [
            "PixNerd: hidden_size \(hiddenSize), num_groups \(heads), num_blocks \(blocks), "
                + "num_cond_blocks \(conditionedBlocks), patch_size \(patchSize),",
            "in_channels \(channels), \(sizes)\(fields)" + (captions == nil ? ", num_classes \(classes)" : ""),
        ]
            + (captions.map {
                [
                    "cross-attention to captions: caption_channels \($0.width), model_max_length \($0.length), "
                        + "modulation \($0.modulation.rawValue)"
                ]
            } ?? []) + (numbers.summary.map { [$0] } ?? []) + (values > 0 ? ["told \(counted(values, "value"))"] : [])
            + (controlBlocks > 0
                ? [
                    "with a ControlNet of \(counted(controlBlocks, "block"))\(controlsFields ? " and of fields" : ""), "
                        + "\(trainedParameterCount) parameters"
                ] : [])
            + (pictureChannels > 0 ? ["reads pictures of \(counted(pictureChannels, "channel"))"] : [])
    }

    public func load(_ source: any TensorSource, recomputesBlocks: Bool) throws -> any Denoiser {
        try PixNerd(loading: source, channels: channels, recomputesBlocks: recomputesBlocks)
    }

    public func makeModel(seed: UInt64, recomputesBlocks: Bool) -> any AlignableDenoiser {
        PixNerd(self, seed: seed, recomputesBlocks: recomputesBlocks)
    }

    public func conditioner(_ sources: ConditionerSources) throws -> any Conditioner {
        guard let captions else { return try ClassConditioner(classes: classes, toldValues: values, sources) }
        return try TextConditioner(
            width: captions.width, length: captions.length, reading: .ownTokensOrModelRows, sources.text,
            origin: sources.origin)
    }

    public var blockMatrixSizes: [(rows: Int, columns: Int)] {
        let (width, inner) = (hiddenSize, feedForwardWidth)
        let modulation: [(rows: Int, columns: Int)] =
            captions?.modulation == .single ? [(6, width)] : [(6 * width, width)]
        let cross: [(rows: Int, columns: Int)] =
            captions == nil ? [] : [(width, width), (2 * width, width), (width, width)]
        let ofBlock: [(rows: Int, columns: Int)] =
            [(3 * width, width), (width, width), (inner, width), (inner, width), (width, inner)] + modulation + cross
        return (0..<(controlBlocks > 0 ? controlBlocks : conditionedBlocks)).flatMap { _ in ofBlock }
    }

    public func activationBytes(
        batch: Int, height: Int, width: Int, recompute: Bool, precision: Precision
    ) -> Int {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let (hidden, field) = (count(hiddenSize), count(fieldWidth))
        let tokens = count(batch) * count(height / patchSize) * count(width / patchSize)
        // Kept for the gradients of a block: its input, two norms, queries, keys and values, attention, both outputs.
        // Attention to captions keeps queries, what they attend to and its output.
        let block = (captions == nil ? 9 : 12) * hidden + 2 * count(feedForwardWidth)
        // Generated weights and their gradients.
        let generated = 2 * field * field * count(fieldRatio)
        let fields = 2 * count(blocks - conditionedBlocks) * generated
        // A linear head has no field but keeps the last norm, and the input and output of its matrix.
        let ends = head == .linear ? 2 * hidden : 0
        let pixels = 12 * count(channels + pictureChannels) * count(patchSize) * count(patchSize) + ends
        // The inputs of recomputed blocks stay float32.
        let bytes = count(precision == .bf16 ? 2 : 4)
        // What a ControlNet adds is kept with each copy.
        let run = count(conditionedBlocks) + 2 * count(controlBlocks)
        let (inputs, kept) = recompute ? (run * hidden, block) : (0, run * block)
        return (tokens * (4 * (inputs + block + pixels) + bytes * (kept + fields))).clamped
    }
}
