import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension TextPixNerdArchitecture {
    /// Decodes the sizes; a ratio that is not given is that of the published class.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func size(_ key: CodingKeys) throws -> Int { try values.decode(Int.self, forKey: key) }
        try self.init(
            hiddenSize: size(.hiddenSize), heads: size(.heads), encoderBlocks: size(.encoderBlocks),
            decoderBlocks: size(.decoderBlocks), textBlocks: size(.textBlocks), patchSize: size(.patchSize),
            channels: size(.channels), fieldWidth: size(.fieldWidth),
            fieldRatio: values.decodeIfPresent(Int.self, forKey: .fieldRatio) ?? 2, textWidth: size(.textWidth),
            textLength: size(.textLength),
            numbers: values.decodeIfPresent([ModelNumber].self, forKey: .numbers) ?? [])
    }

    /// Encodes the sizes, and what the model is told, if anything.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        let sizes: [(CodingKeys, Int)] = [
            (.hiddenSize, hiddenSize), (.heads, heads), (.encoderBlocks, encoderBlocks),
            (.decoderBlocks, decoderBlocks), (.textBlocks, textBlocks), (.patchSize, patchSize),
            (.channels, channels), (.fieldWidth, fieldWidth), (.fieldRatio, fieldRatio), (.textWidth, textWidth),
            (.textLength, textLength),
        ]
        for (key, value) in sizes { try values.encode(value, forKey: key) }
        if !numbers.isEmpty { try values.encode(numbers, forKey: .numbers) }
    }

    public static func recognizes(_ source: any TensorSource) -> Bool { source.shape(of: "y_pos_embedding") != nil }

    /// Infers the sizes from the names and shapes of a checkpoint's tensors, without a configuration.
    ///
    /// - Parameters:
    ///   - source: Tensors under the published names, without a prefix.
    ///   - metadata: Not used.
    ///   - channels: Not used.
    /// - Throws: `PixNerdError` naming the tensor that is missing or has an impossible shape.
    public init(readFrom source: any TensorSource, metadata: [String: String] = [:], channels: Int? = nil) throws {
        func shape(_ name: String, _ axes: Int) throws -> [Int] {
            try source.shape(
                of: name, axes: axes,
                orElse: PixNerdError(
                    .malformed, "\(source.origin)",
                    found: "is not a text-to-image PixNerd checkpoint: it lacks the tensor \(name)"))
        }
        let positions = try shape("y_pos_embedding", 3)
        let patchEmbedding = try shape("s_embedder.proj.weight", 2)
        let width = patchEmbedding[0]
        let encoderBlocks = try source.blockCount(after: "blocks.", part: "attn.")
        let headWidth = try shape("blocks.0.attn.q_norm.weight", 1)[0]
        let channels = try shape("final_layer.linear.weight", 2)[0]
        let fieldWidth = try shape("x_embedder.embedder.0.weight", 2)[0]
        let generated = try shape("blocks.\(encoderBlocks).param_generator1.0.weight", 2)[0]
        let (_, patch) = try source.squarePatch(values: patchEmbedding[1], channels: channels)
        guard headWidth <= width, width % headWidth == 0 else {
            throw PixNerdError(
                .malformed, "\(source.origin): the tensor blocks.0.attn.q_norm.weight",
                found: "is of heads of width \(headWidth)",
                expected: "a width that divides that of the tokens, \(width)")
        }
        try self.init(
            hiddenSize: width, heads: width / headWidth, encoderBlocks: encoderBlocks,
            decoderBlocks: source.blockCount(after: "blocks.") - encoderBlocks,
            textBlocks: source.blockCount(after: "text_refine_blocks."), patchSize: patch, channels: channels,
            fieldWidth: fieldWidth, fieldRatio: generated / 2 / fieldWidth / fieldWidth,
            textWidth: shape("y_embedder.proj.weight", 2)[1], textLength: positions[1],
            numbers: [ModelNumber](readFrom: source))
    }

    /// The sizes that a configuration asks for.
    ///
    /// - Parameters:
    ///   - options: The model section, with the width and number of the text's rows.
    ///   - channels: Channels of the data.
    /// - Throws: `PixNerdError` naming the size that is not valid.
    init(_ options: DenoiserOptions, channels: Int) throws {
        guard options.head == .field else {
            throw PixNerdError(
                .mismatch, "model.head", found: "is linear, which models of captions do not have", advice: "remove it")
        }
        guard options.conditionedBlocks < options.blocks else {
            throw PixNerdError(
                .invalidValue, "model.num_cond_blocks", found: "is \(options.conditionedBlocks)",
                expected: "less than model.num_blocks, \(options.blocks), whose other blocks are those of the field")
        }
        try self.init(
            hiddenSize: options.hiddenSize, heads: options.heads, encoderBlocks: options.conditionedBlocks,
            decoderBlocks: options.blocks - options.conditionedBlocks, textBlocks: options.textBlocks,
            patchSize: options.patchSize, channels: channels, fieldWidth: options.fieldWidth,
            fieldRatio: options.fieldRatio, textWidth: options.textWidth, textLength: options.textLength,
            numbers: options.numbers)
    }

    /// A published size.
    ///
    /// - Parameter preset: `XXL/16`, the only one.
    /// - Throws: `PixNerdError` if there is no such preset.
    public init(preset: String) throws {
        guard preset == Self.publishedPreset else {
            throw PixNerdError(
                .invalidValue, found: "There is no text-to-image preset \(preset)",
                expected: "\(Self.publishedPreset)")
        }
        try self.init()
    }

    /// Name of the published size: PixNerd-XXL/16 (arXiv 2507.23268).
    public static let publishedPreset = "XXL/16"
}
