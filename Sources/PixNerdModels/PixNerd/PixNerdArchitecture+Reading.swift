import PixNerdSupport
import PixNerdTensors

extension PixNerdArchitecture: Codable {
    /// Sizes without a `head` are those of a field.
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
            fieldRatio: values.decodeIfPresent(Int.self, forKey: .fieldRatio) ?? 0, classes: size(.classes))
    }

    /// A linear head leaves out the sizes of the field.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        let sizes: [(CodingKeys, Int)] = [
            (.hiddenSize, hiddenSize), (.heads, heads), (.blocks, blocks), (.conditionedBlocks, conditionedBlocks),
            (.patchSize, patchSize), (.channels, channels), (.classes, classes),
        ]
        let fieldSizes: [(CodingKeys, Int)] = [(.fieldWidth, fieldWidth), (.fieldRatio, fieldRatio)]
        for (key, value) in sizes + (head == .field ? fieldSizes : []) { try values.encode(value, forKey: key) }
        if head != .field { try values.encode(head, forKey: .head) }
    }

    /// Reads the sizes off the names and shapes of a checkpoint's tensors, without a configuration.
    ///
    /// - Parameters:
    ///   - source: tensors under the published names, without a prefix.
    ///   - metadata: not used.
    ///   - channels: of what a linear head diffuses, since its shapes do not tell them from the patch; where nil 3 is
    ///     taken where it makes a square patch, then 4, then 16.
    /// - Throws: `ArchitectureError` naming the tensor that is missing or makes no sense.
    public init(readFrom source: any TensorSource, metadata: [String: String] = [:], channels: Int? = nil) throws {
        let shapes = PublishedShapes(source)
        let isLinear = shapes.has("x_embedder.proj.weight")
        let patchEmbedding = try shapes.shape(isLinear ? "x_embedder.proj.weight" : "s_embedder.proj.weight", 2)
        let classes = try shapes.shape("y_embedder.embedding_table.weight", 2)[0] - 1
        let conditioned = shapes.blockEnd("attn.")
        let headWidth = try shapes.shape("blocks.0.attn.q_norm.weight", 1)[0]
        if isLinear {
            let (channels, patch) = try Self.patch(values: patchEmbedding[1], channels: channels, source.origin)
            try self.init(
                hiddenSize: patchEmbedding[0], heads: patchEmbedding[0] / headWidth, blocks: conditioned,
                conditionedBlocks: conditioned, patchSize: patch, channels: channels, head: .linear, classes: classes)
            return
        }
        let channels = try shapes.shape("final_layer.linear.weight", 2)[0]
        let fieldWidth = try shapes.shape("x_embedder.embedder.0.weight", 2)[0]
        let generated = try shapes.shape("blocks.\(conditioned).param_generator1.0.weight", 2)[0]
        let (_, patch) = try Self.patch(values: patchEmbedding[1], channels: channels, source.origin)
        try self.init(
            hiddenSize: patchEmbedding[0], heads: patchEmbedding[0] / headWidth, blocks: shapes.blockEnd(""),
            conditionedBlocks: conditioned, patchSize: patch, channels: channels, fieldWidth: fieldWidth,
            fieldRatio: generated / (2 * fieldWidth * fieldWidth), classes: classes)
    }

    /// The channels and the side of a patch of so many numbers.
    private static func patch(values: Int, channels: Int?, _ origin: String) throws -> (channels: Int, side: Int) {
        for channels in channels.map({ [$0] }) ?? [3, 4, 16] where values % channels == 0 {
            let side = Int(Double(values / channels).squareRoot().rounded())
            if side * side * channels == values { return (channels, side) }
        }
        throw ArchitectureError(
            description: "\(origin): the patch embedding reads \(values) numbers, which are no square patch of "
                + "\(channels.map(String.init) ?? "3, 4 or 16") channels.")
    }
}

/// The shapes of a checkpoint's tensors.
private struct PublishedShapes {
    private let source: any TensorSource

    init(_ source: any TensorSource) { self.source = source }

    func has(_ name: String) -> Bool { source.shape(of: name) != nil }

    func shape(_ name: String, _ rank: Int) throws -> [Int] {
        guard let shape = source.shape(of: name) else {
            throw ArchitectureError(
                description: "\(source.origin) is not a PixNerd checkpoint: it lacks the tensor \(name).")
        }
        guard shape.count == rank, !shape.contains(0) else {
            throw ArchitectureError(
                description: "\(source.origin): the tensor \(name) has the shape \(shape), not \(rank) sides.")
        }
        return shape
    }

    /// One more than the largest number of a block with such a tensor.
    func blockEnd(_ part: String) -> Int {
        source.names.compactMap { name -> Int? in
            let parts = name.split(separator: ".", maxSplits: 2)
            return parts.count == 3 && parts[0] == "blocks" && parts[2].hasPrefix(part) ? Int(parts[1]) : nil
        }.max().map { $0 + 1 } ?? 0
    }
}
