import Diffusion
import Layers
import Models
import Tensors

/// One of the fixed pieces of work that speed is measured by; the peer's script knows the same names.
public struct Workload: Sendable {
    public let name: String
    public let architecture: PixNerdArchitecture
    /// Side of the pictures.
    public let size: Int
    public let batch: Int

    /// All of them.
    public static let all: [Workload] = [
        Workload("B16-256", hiddenSize: 768, heads: 12, blocks: 14, conditioned: 12, size: 256, batch: 4),
        Workload("XL16-256", hiddenSize: 1152, heads: 16, blocks: 30, conditioned: 26, size: 256, batch: 2),
        Workload(
            "small4-32", hiddenSize: 256, heads: 4, blocks: 8, conditioned: 6, patch: 4, field: 32, classes: 10,
            size: 32, batch: 64),
    ]

    private init(
        _ name: String, hiddenSize: Int, heads: Int, blocks: Int, conditioned: Int, patch: Int = 16, field: Int = 64,
        classes: Int = 1000, size: Int, batch: Int
    ) {
        self.name = name
        // The sizes above are fixed and sound.
        architecture = try! PixNerdArchitecture(
            hiddenSize: hiddenSize, heads: heads, blocks: blocks, conditionedBlocks: conditioned, patchSize: patch,
            fieldWidth: field, classes: classes)
        self.size = size
        self.batch = batch
    }

    /// Tokens of a batch.
    var tokens: Int { batch * (size / architecture.patchSize) * (size / architecture.patchSize) }

    /// The large products of a forward pass, [rows, columns, inner] with how often each occurs.
    var products: [(rows: Int, columns: Int, inner: Int, count: Int)] {
        let (width, inner) = (architecture.hiddenSize, architecture.feedForwardWidth)
        let generated = 2 * architecture.fieldWidth * architecture.fieldWidth * architecture.fieldRatio
        let (blocks, fields) = (architecture.conditionedBlocks, architecture.blocks - architecture.conditionedBlocks)
        return [
            (tokens, 3 * width, width, blocks), (tokens, width, width, blocks), (tokens, inner, width, 2 * blocks),
            (tokens, width, inner, blocks), (tokens, generated, width, fields),
        ]
    }
}

/// What is done with a piece of work.
public enum BenchmarkMode: String, Sendable, CaseIterable {
    /// Without gradients; a guided step of a sampler is a forward pass of twice the pictures.
    case forward
    /// Forward, backward and AdamW, without a moving average, as the peer does it.
    case train

    /// Multiply-adds of a step over those of a forward pass: the backward pass takes two products for each.
    var factor: Int { self == .train ? 3 : 1 }
}
