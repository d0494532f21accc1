import Diffusion
import Layers
import Models
import Tensors

/// One of the fixed pieces of work that speed is measured by; the peer's script knows the same names.
public struct Workload: Sendable {
    /// What does the work.
    public enum Model: Sendable {
        case denoiser(PixNerdArchitecture)
        /// Features of the pictures, after the published preprocessing.
        case encoder(DINOv2Architecture)
    }

    public let name: String
    public let model: Model
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
        Workload(
            "DINOv2-B-256", .encoder(DINOv2Architecture(width: 768, depth: 12, heads: 12)), size: 256, batch: 8),
    ]

    private init(
        _ name: String, hiddenSize: Int, heads: Int, blocks: Int, conditioned: Int, patch: Int = 16, field: Int = 64,
        classes: Int = 1000, size: Int, batch: Int
    ) {
        // The sizes above are fixed and sound.
        let architecture = try! PixNerdArchitecture(
            hiddenSize: hiddenSize, heads: heads, blocks: blocks, conditionedBlocks: conditioned, patchSize: patch,
            fieldWidth: field, classes: classes)
        self.init(name, .denoiser(architecture), size: size, batch: batch)
    }

    private init(_ name: String, _ model: Model, size: Int, batch: Int) {
        self.name = name
        self.model = model
        self.size = size
        self.batch = batch
    }

    /// What can be measured of it: an encoder is not trained here.
    public var modes: [BenchmarkMode] {
        switch model {
        case .denoiser: BenchmarkMode.allCases
        case .encoder: [.forward]
        }
    }

    /// Of a forward pass for one picture.
    var multiplyAdds: Int {
        switch model {
        case .denoiser(let architecture): architecture.multiplyAdds(height: size, width: size)
        case .encoder(let architecture): architecture.multiplyAdds(rows: encoderGrid, columns: encoderGrid)
        }
    }

    /// Patches of an encoder along a side, each of 16 pixels as published.
    private var encoderGrid: Int { size / 16 }

    /// The large products of a forward pass, [rows, columns, inner] with how often each occurs.
    var products: [(rows: Int, columns: Int, inner: Int, count: Int)] {
        switch model {
        case .denoiser(let architecture):
            let tokens = batch * (size / architecture.patchSize) * (size / architecture.patchSize)
            let (width, inner) = (architecture.hiddenSize, architecture.feedForwardWidth)
            let generated = 2 * architecture.fieldWidth * architecture.fieldWidth * architecture.fieldRatio
            let blocks = architecture.conditionedBlocks
            return [
                (tokens, 3 * width, width, blocks), (tokens, width, width, blocks),
                (tokens, inner, width, 2 * blocks), (tokens, width, inner, blocks),
                (tokens, generated, width, architecture.blocks - blocks),
            ]
        case .encoder(let architecture):
            let tokens = batch * (encoderGrid * encoderGrid + 1 + architecture.registers)
            let (width, inner, blocks) = (architecture.width, architecture.feedForwardWidth, architecture.depth)
            return [
                (tokens, 3 * width, width, blocks), (tokens, width, width, blocks), (tokens, inner, width, blocks),
                (tokens, width, inner, blocks),
            ]
        }
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
