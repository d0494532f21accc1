import Foundation
import Tensors

/// An architecture that cannot be built, in one sentence for a person.
public struct ArchitectureError: Error, CustomStringConvertible, Sendable {
    public let description: String
}

/// The sizes of a PixNerd. The keys of its JSON are the arguments of the published class.
public struct PixNerdArchitecture: Sendable, Equatable, Codable {
    /// D, the width of the tokens.
    public var hiddenSize: Int
    public var heads: Int
    /// Transformer blocks and field blocks together.
    public var blocks: Int
    /// Transformer blocks among them.
    public var conditionedBlocks: Int
    /// P, the side of a patch in pixels.
    public var patchSize: Int
    public var channels: Int
    /// F, the width of the field.
    public var fieldWidth: Int
    /// r, the inner width of a field block over F.
    public var fieldRatio: Int
    public var classes: Int

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case heads = "num_groups"
        case blocks = "num_blocks"
        case conditionedBlocks = "num_cond_blocks"
        case patchSize = "patch_size"
        case channels = "in_channels"
        case fieldWidth = "hidden_size_x"
        case fieldRatio = "nerf_mlpratio"
        case classes = "num_classes"
    }

    /// - Throws: `ArchitectureError` naming the size that cannot be.
    public init(
        hiddenSize: Int, heads: Int, blocks: Int, conditionedBlocks: Int, patchSize: Int = 16, channels: Int = 3,
        fieldWidth: Int = 64, fieldRatio: Int = 2, classes: Int = 1000
    ) throws {
        self.hiddenSize = hiddenSize
        self.heads = heads
        self.blocks = blocks
        self.conditionedBlocks = conditionedBlocks
        self.patchSize = patchSize
        self.channels = channels
        self.fieldWidth = fieldWidth
        self.fieldRatio = fieldRatio
        self.classes = classes
        try validate()
    }

    /// The published sizes, by name.
    public static let presets: [String: (hiddenSize: Int, heads: Int, blocks: Int, conditionedBlocks: Int)] = [
        "B/16": (768, 12, 14, 12),
        "L/16": (1024, 16, 24, 22),
        "XL/16": (1152, 16, 30, 26),
    ]

    /// A published size, with patches of 16 pixels.
    ///
    /// - Throws: `ArchitectureError` where there is no such preset.
    public init(preset: String, classes: Int = 1000) throws {
        guard let sizes = Self.presets[preset] else {
            throw ArchitectureError(
                description: "There is no preset \(preset); the presets are "
                    + "\(Self.presets.keys.sorted().joined(separator: ", ")).")
        }
        try self.init(
            hiddenSize: sizes.hiddenSize, heads: sizes.heads, blocks: sizes.blocks,
            conditionedBlocks: sizes.conditionedBlocks, classes: classes)
    }

    private func validate() throws {
        let sizes = [
            ("hidden_size", hiddenSize), ("num_groups", heads), ("num_blocks", blocks),
            ("num_cond_blocks", conditionedBlocks), ("patch_size", patchSize), ("in_channels", channels),
            ("hidden_size_x", fieldWidth), ("nerf_mlpratio", fieldRatio), ("num_classes", classes),
        ]
        for (name, value) in sizes where value < 1 {
            throw ArchitectureError(description: "\(name) is \(value); it must be at least 1.")
        }
        guard hiddenSize % heads == 0, hiddenSize / heads % 4 == 0 else {
            throw ArchitectureError(
                description: "hidden_size \(hiddenSize) over num_groups \(heads) must be a multiple of 4, "
                    + "since rotary positions turn pairs along two axes.")
        }
        guard conditionedBlocks < blocks else {
            throw ArchitectureError(
                description: "num_cond_blocks \(conditionedBlocks) must be less than num_blocks \(blocks): "
                    + "the rest are the blocks of the field.")
        }
    }

    /// The inner width of the gated MLP of a transformer block.
    public var feedForwardWidth: Int { 2 * (hiddenSize * 4) / 3 }

    /// How many parameters a model of these sizes has.
    public var parameterCount: Int {
        let (width, inner, field) = (hiddenSize, feedForwardWidth, fieldWidth)
        let attention = 4 * width * width + width + 2 * (width / heads)
        let block = 2 * width + attention + 3 * width * inner + 6 * width * (width + 1)
        let fieldBlock = (width + 1) * 2 * field * field * fieldRatio + field
        let embedders =
            (channels + 64 + 1) * field + (channels * patchSize * patchSize + 1) * width + (256 + 1) * width
            + (width + 1) * width + (classes + 1) * width
        return conditionedBlocks * block + (blocks - conditionedBlocks) * fieldBlock + embedders
            + field + (field + 1) * channels
    }

    /// Multiply-adds of one forward pass for one picture, as the published code computes it.
    public func multiplyAdds(height: Int, width: Int) -> Int {
        let tokens = height / patchSize * (width / patchSize)
        let pixels = patchSize * patchSize
        let block =
            tokens * (4 * hiddenSize * hiddenSize + 3 * hiddenSize * feedForwardWidth) + 2 * tokens * tokens
            * hiddenSize
            + 6 * hiddenSize * hiddenSize
        let generated = 2 * fieldWidth * fieldWidth * fieldRatio
        let fieldBlock = tokens * (hiddenSize * generated + pixels * generated)
        let ends =
            tokens * channels * pixels * hiddenSize + 256 * hiddenSize + hiddenSize * hiddenSize
            + tokens * pixels * fieldWidth * (channels + 64 + channels)
        return conditionedBlocks * block + (blocks - conditionedBlocks) * fieldBlock + ends
    }

    /// Reads the sizes off the names and shapes of a checkpoint's tensors, without a configuration.
    ///
    /// - Parameter source: tensors under the published names, without a prefix.
    /// - Throws: `ArchitectureError` naming the tensor that is missing or makes no sense.
    public init(readFrom source: any TensorSource) throws {
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
        func end(_ part: String) -> Int {
            source.names.compactMap { name -> Int? in
                let parts = name.split(separator: ".", maxSplits: 2)
                return parts.count == 3 && parts[0] == "blocks" && parts[2].hasPrefix(part) ? Int(parts[1]) : nil
            }.max().map { $0 + 1 } ?? 0
        }
        let patchEmbedding = try shape("s_embedder.proj.weight", 2)
        let channels = try shape("final_layer.linear.weight", 2)[0]
        let fieldWidth = try shape("x_embedder.embedder.0.weight", 2)[0]
        let classes = try shape("y_embedder.embedding_table.weight", 2)[0] - 1
        let conditioned = end("attn.")
        let blocks = end("")
        let headWidth = try shape("blocks.0.attn.q_norm.weight", 1)[0]
        let generated = try shape("blocks.\(conditioned).param_generator1.0.weight", 2)[0]
        let patch = Int(Double(patchEmbedding[1] / channels).squareRoot().rounded())
        guard patch * patch * channels == patchEmbedding[1] else {
            throw ArchitectureError(
                description: "\(source.origin): s_embedder.proj.weight of shape \(patchEmbedding) "
                    + "does not read square patches of \(channels) channels.")
        }
        try self.init(
            hiddenSize: patchEmbedding[0], heads: patchEmbedding[0] / headWidth, blocks: blocks,
            conditionedBlocks: conditioned, patchSize: patch, channels: channels, fieldWidth: fieldWidth,
            fieldRatio: generated / (2 * fieldWidth * fieldWidth), classes: classes)
    }
}
