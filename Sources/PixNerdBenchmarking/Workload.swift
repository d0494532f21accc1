import PixNerdDistributed
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// One of the fixed workloads that speed is measured on; the peer's script uses the same names.
public struct Workload: Sendable {
    public let name: String
    public let batch: Int
    /// Modes that the workload supports.
    public let modes: [BenchmarkMode]
    /// Large matmuls of one pass, [rows, columns, inner], with the number of times that each occurs.
    let products: [(rows: Int, columns: Int, inner: Int, count: Int)]
    /// Multiply-adds per step, as the published code counts them.
    let multiplyAdds: @Sendable (BenchmarkMode) -> Int
    /// Builds the model and its input, and returns a function that runs the step with a number.
    let prepare: @Sendable (BenchmarkMode) -> (_ step: Int) throws -> Void
    /// Builds training over several processes, each with its share of the images; nil if that is not measured.
    var prepareShared: (@Sendable (BenchmarkRanks) -> SharedWork)?
    /// Bytes of memory that the workload takes; nil if any machine has them.
    var bytes: (@Sendable (Precision) -> Int)?
    /// Whether the workload is so large that it is measured only when asked for by name.
    public var runsOnlyAlone = false

    /// Whether several processes can run a mode together.
    public func isShared(_ mode: BenchmarkMode) -> Bool { mode == .train && prepareShared != nil }

    /// All workloads.
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
        textDenoiser("t2i-512", size: 512, count: 1),
        miniT2I("minit2i-512", size: 512, count: 1),
        videoAutoencoder("video-256", size: 256),
    ]

    /// Checks that the machine has the memory that the workload takes.
    ///
    /// - Throws: `PixNerdError` with both numbers.
    func checkMemory(_ precision: Precision) throws {
        guard let bytes else { return }
        try AvailableMemory.expect(
            Double(bytes(precision)), for: "The workload \(name) in \(precision.rawValue)",
            advice: "measure another one, such as \(Workload.all[0].name)")
    }
}

/// The processes that run a workload.
public struct BenchmarkRanks: Sendable {
    public let communicator: Communicator
    /// Whether they shard the optimizer state.
    public let sharesOptimizer: Bool

    public init(communicator: Communicator, sharesOptimizer: Bool) {
        (self.communicator, self.sharesOptimizer) = (communicator, sharesOptimizer)
    }
}

/// A workload that is set up for several processes.
struct SharedWork {
    let step: (_ number: Int) throws -> Void
    /// Time spent summing gradients since the last call, and how much of it was not hidden.
    let exchangeTimes: () -> ExchangeTimes?
}

/// What to measure of a workload.
public enum BenchmarkMode: String, Sendable, CaseIterable {
    /// Forward pass without gradients; a guided sampling step is a forward pass over twice the images.
    case forward
    /// Forward pass, backward pass and AdamW, without an EMA, as in the peer's script.
    case train
    /// Encodes images to the distribution of their latents.
    case encode
    /// Decodes latents to images.
    case decode
}
