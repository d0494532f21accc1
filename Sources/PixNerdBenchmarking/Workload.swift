import PixNerdDistributed
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization

/// One of the fixed pieces of work that speed is measured by; the peer's script knows the same names.
public struct Workload: Sendable {
    public let name: String
    public let batch: Int
    /// What can be done with it.
    public let modes: [BenchmarkMode]
    /// The large products of a pass, [rows, columns, inner] with how often each occurs.
    let products: [(rows: Int, columns: Int, inner: Int, count: Int)]
    /// Multiply-adds of a step, as the published code computes it.
    let multiplyAdds: @Sendable (BenchmarkMode) -> Int
    /// Builds the model and its input; the result takes a step of a number.
    let prepare: @Sendable (BenchmarkMode) -> (_ step: Int) throws -> Void
    /// The same of training by several processes, each with its share of the pictures; nil where that is not measured.
    var prepareShared: (@Sendable (BenchmarkRanks) -> SharedWork)?

    /// Whether several processes can do it together.
    public func isShared(_ mode: BenchmarkMode) -> Bool { mode == .train && prepareShared != nil }

    /// All of them.
    public static let all: [Workload] = [
        denoiser("B16-256", hiddenSize: 768, heads: 12, blocks: 14, conditioned: 12, size: 256, batch: 4),
        denoiser("XL16-256", hiddenSize: 1152, heads: 16, blocks: 30, conditioned: 26, size: 256, batch: 2),
        denoiser(
            "small4-32", hiddenSize: 256, heads: 4, blocks: 8, conditioned: 6, patch: 4, field: 32, classes: 10,
            size: 32, batch: 64),
        encoder("DINOv2-B-256", DINOv2Architecture(width: 768, depth: 12, heads: 12), size: 256, batch: 8),
        autoencoder("vae-256", levelWidths: [128, 256, 512, 512], size: 256, batch: 1, modes: [.encode, .decode]),
        inception("inception-32", size: 32, batch: 32),
        autoencoder("vae-small-32", levelWidths: [32, 64, 128], size: 32, batch: 32, modes: [.train]),
    ]
}

/// The processes that do a piece of work.
public struct BenchmarkRanks: Sendable {
    public let communicator: Communicator
    /// Whether they share the state of the optimiser.
    public let sharesOptimizer: Bool

    public init(communicator: Communicator, sharesOptimizer: Bool) {
        (self.communicator, self.sharesOptimizer) = (communicator, sharesOptimizer)
    }
}

/// A piece of work that several processes are ready to do.
struct SharedWork {
    let step: (_ number: Int) throws -> Void
    /// How long gradients were summed since it was last asked, and how much of that was not hidden.
    let exchangeTimes: () -> ExchangeTimes?
}

/// What is done with a piece of work.
public enum BenchmarkMode: String, Sendable, CaseIterable {
    /// Without gradients; a guided step of a sampler is a forward pass of twice the pictures.
    case forward
    /// Forward, backward and AdamW, without a moving average, as the peer does it.
    case train
    /// Pictures to the distribution of their latents.
    case encode
    /// Latents to pictures.
    case decode
}
