import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension PixNerdArchitecture: Codable {
    /// Decodes the sizes; without a `head` they are those of a field.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func size(_ key: CodingKeys) throws -> Int { try values.decode(Int.self, forKey: key) }
        let head = try values.decodeIfPresent(DenoiserOptions.Head.self, forKey: .head) ?? .field
        let conditioned = try size(.conditionedBlocks)
        try self.init(
            hiddenSize: size(.hiddenSize), heads: size(.heads),
            blocks: values.decodeIfPresent(Int.self, forKey: .blocks) ?? conditioned, conditionedBlocks: conditioned,
            patchSize: size(.patchSize), channels: size(.channels), head: head,
            fieldWidth: values.decodeIfPresent(Int.self, forKey: .fieldWidth) ?? 0,
            fieldRatio: values.decodeIfPresent(Int.self, forKey: .fieldRatio) ?? 0,
            fieldPositions: values.decodeIfPresent(DenoiserOptions.FieldPositions.self, forKey: .fieldPositions)
                ?? .corners,
            fieldNeighbors: values.decodeIfPresent(Bool.self, forKey: .fieldNeighbors) ?? false,
            fieldOverlap: values.decodeIfPresent(Int.self, forKey: .fieldOverlap) ?? 0,
            classes: size(.classes),
            numbers: values.decodeIfPresent([ModelNumber].self, forKey: .numbers) ?? [],
            values: values.decodeIfPresent(Int.self, forKey: .values) ?? 0,
            captions: values.decodeIfPresent(CaptionSizes.self, forKey: .captions),
            controlBlocks: values.decodeIfPresent(Int.self, forKey: .controlBlocks) ?? 0,
            controlsFields: values.decodeIfPresent(Bool.self, forKey: .controlsFields) ?? false,
            pictureChannels: values.decodeIfPresent(Int.self, forKey: .pictureChannels) ?? 0)
    }

    /// Encodes the sizes, without those of the field if the head is linear, and what the model is told, if anything.
    public func encode(to encoder: any Encoder) throws {
        let told = values
        var values = encoder.container(keyedBy: CodingKeys.self)
        let sizes: [(CodingKeys, Int)] = [
            (.hiddenSize, hiddenSize), (.heads, heads), (.blocks, blocks), (.conditionedBlocks, conditionedBlocks),
            (.patchSize, patchSize), (.channels, channels), (.classes, classes),
        ]
        let fieldSizes: [(CodingKeys, Int)] = [(.fieldWidth, fieldWidth), (.fieldRatio, fieldRatio)]
        for (key, value) in sizes + (head == .field ? fieldSizes : []) { try values.encode(value, forKey: key) }
        if head != .field { try values.encode(head, forKey: .head) }
        if fieldPositions != .corners { try values.encode(fieldPositions, forKey: .fieldPositions) }
        if fieldNeighbors { try values.encode(fieldNeighbors, forKey: .fieldNeighbors) }
        if fieldOverlap > 0 { try values.encode(fieldOverlap, forKey: .fieldOverlap) }
        if !numbers.isEmpty { try values.encode(numbers, forKey: .numbers) }
        if told > 0 { try values.encode(told, forKey: .values) }
        try values.encodeIfPresent(captions, forKey: .captions)
        if controlBlocks > 0 { try values.encode(controlBlocks, forKey: .controlBlocks) }
        if controlsFields { try values.encode(controlsFields, forKey: .controlsFields) }
        if pictureChannels > 0 { try values.encode(pictureChannels, forKey: .pictureChannels) }
    }

    /// Name of the layer by which the transformer reads the patches of pictures.
    static let pictureEmbedder = "picture_embedder.proj"

    /// Name of the field's first layer. Models with other positions than the published ones, or with fields that
    /// overlap, have another name, so that programs that do not know them refuse them.
    static func fieldEmbedder(_ positions: DenoiserOptions.FieldPositions, overlap: Int = 0) -> String {
        positions == .corners
            ? "x_embedder.embedder.0" : overlap == 0 ? "x_embedder.centered.0" : "x_embedder.overlap_\(overlap).0"
    }

    /// Position features and overlap of the fields of a checkpoint whose patches have side `patch`, by the name of the
    /// first layer.
    private static func fields(
        _ source: any TensorSource, patch: Int
    ) -> (positions: DenoiserOptions.FieldPositions, overlap: Int) {
        let overlap = (0...patch / 2).first {
            source.shape(of: fieldEmbedder(.centers, overlap: $0) + ".weight") != nil
        }
        return overlap.map { (.centers, $0) } ?? (.corners, 0)
    }

    /// Infers the sizes from the names and shapes of a checkpoint's tensors, without a configuration.
    ///
    /// - Parameters:
    ///   - source: Tensors under the published names, without a prefix.
    ///   - metadata: Not used.
    ///   - channels: Channels of the data, which the shapes of a linear head do not separate from the patch; nil for
    ///     the first of 3, 4 and 16 that gives a square patch.
    /// - Throws: `PixNerdError` naming the tensor that is missing or has an impossible shape.
    public init(readFrom source: any TensorSource, metadata: [String: String] = [:], channels: Int? = nil) throws {
        func shape(_ name: String, _ axes: Int) throws -> [Int] {
            try source.shape(
                of: name, axes: axes,
                orElse: PixNerdError(
                    .malformed, "\(source.origin)", found: "is not a PixNerd checkpoint: it lacks the tensor \(name)"))
        }
        let isLinear = source.shape(of: "x_embedder.proj.weight") != nil
        let patchEmbedding = try shape(isLinear ? "x_embedder.proj.weight" : "s_embedder.proj.weight", 2)
        let captions = try CaptionSizes(readFrom: source)
        let classes = try captions == nil ? shape("y_embedder.embedding_table.weight", 2)[0] - 1 : 0
        let conditioned = try source.blockCount(after: "blocks.", part: "attn.")
        let headWidth = try shape("blocks.0.attn.q_norm.weight", 1)[0]
        let controlBlocks = try source.blockCount(after: ControlNames.copies)
        // Of an embedder of another shape loading reports the shape.
        let pictureValues = source.shape(of: Self.pictureEmbedder + ".weight").map { $0.count == 2 ? $0[1] : 0 } ?? 0
        func pictureChannels(_ patch: Int) -> Int { patch > 0 ? pictureValues / (patch * patch) : 0 }
        if isLinear {
            let (channels, patch) = try source.squarePatch(values: patchEmbedding[1], channels: channels)
            try self.init(
                hiddenSize: patchEmbedding[0], heads: patchEmbedding[0] / headWidth, blocks: conditioned,
                conditionedBlocks: conditioned, patchSize: patch, channels: channels, head: .linear, classes: classes,
                numbers: [ModelNumber](readFrom: source), values: ValueEmbedders.count(readFrom: source),
                controlBlocks: controlBlocks, pictureChannels: pictureChannels(patch))
            return
        }
        let channels = try shape("final_layer.linear.weight", 2)[0]
        let (_, patch) = try source.squarePatch(values: patchEmbedding[1], channels: channels)
        let (fieldPositions, overlap) = Self.fields(source, patch: patch)
        let embedder = try shape(Self.fieldEmbedder(fieldPositions, overlap: overlap) + ".weight", 2)
        let fieldWidth = embedder[0]
        let generated = try shape("blocks.\(conditioned).param_generator1.0.weight", 2)[0]
        let frequencies = Self.fieldFrequencies(fieldPositions, patch: patch, overlap: overlap)
        let shown = pictureChannels(patch)
        try self.init(
            hiddenSize: patchEmbedding[0], heads: patchEmbedding[0] / headWidth,
            blocks: source.blockCount(after: "blocks."),
            conditionedBlocks: conditioned, patchSize: patch, channels: channels, fieldWidth: fieldWidth,
            fieldRatio: generated / 2 / fieldWidth / fieldWidth, fieldPositions: fieldPositions,
            // A damaged file may have fewer columns than the positions take; loading then reports its shape.
            fieldNeighbors: embedder[1] >= 9 * (channels + shown) + frequencies * frequencies, fieldOverlap: overlap,
            classes: classes, numbers: [ModelNumber](readFrom: source), values: ValueEmbedders.count(readFrom: source),
            captions: captions, controlBlocks: controlBlocks,
            controlsFields: source.shape(of: ControlNames.field + ".weight") != nil, pictureChannels: shown)
    }
}
