import Foundation
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdTensors

/// What a run will need, before it begins.
public struct MemoryEstimate: Sendable {
    /// Weights, gradients, both moments and the moving averages, in bytes.
    public private(set) var state: Int
    /// What one forward and backward pass keeps, in bytes.
    public private(set) var activations: Int
    /// What processes can share of the state: moments and moving averages.
    private var shareable: Int
    /// Gradients of the model's weights, a part of the state.
    private var gradients: Int

    public var total: Int { state + activations }

    /// A model without activations.
    ///
    /// - Parameters:
    ///   - parameters: of the model.
    ///   - averages: how many moving averages.
    init(parameters: Int, averages: Int) {
        state = 4 * parameters * (4 + averages)
        shareable = 4 * parameters * (2 + averages)
        gradients = 4 * parameters
        activations = 0
    }

    /// Takes factors of products as bf16.
    ///
    /// - Parameter passes: of a step, on a process of so many `ranks`.
    mutating func roundFactors(passes: Int, ranks: Int) {
        if passes == 1, ranks == 1 {
            // Gradients to which nothing is added are kept as bf16.
            state -= gradients / 2
        } else if passes > 1 {
            // From the second pass on the rounded weights have no place where their gradients will be.
            state += gradients / 2
        }
    }

    /// Leaves to each of so many processes a share of moments and moving averages.
    mutating func shareUpdate(by ranks: Int) {
        state -= shareable - shareable / ranks
        shareable /= ranks
    }

    /// A denoiser in training.
    ///
    /// - Parameters:
    ///   - averages: Number of EMAs.
    ///   - batch: Images in a forward pass.
    ///   - size: Side of what is diffused.
    ///   - precision: Precision of what is kept for the backward pass.
    public init(
        _ architecture: any TrainableArchitecture, averages: Int, batch: Int, size: Int, recompute: Bool,
        precision: Precision
    ) {
        self.init(parameters: architecture.parameterCount, averages: averages)
        activations = architecture.activationBytes(
            batch: batch, height: size, width: size, recompute: recompute, precision: precision)
    }

    /// Adds a projector and the features that it aims at.
    mutating func addAlignment(inputs: Int, hidden: Int, outputs: Int, tokens: Int) {
        // Weights, gradients and both moments.
        state += 4 * 4 * Projector.parameterCount(inputs: inputs, hidden: hidden, outputs: outputs)
        // Each inner layer before and after SiLU with a gradient in flight; the result, its gradient and the features.
        activations += 4 * tokens * (5 * hidden + 3 * outputs)
    }

    /// Adds what a forward and backward pass through an autoencoder keeps.
    mutating func addTraining(of architecture: AutoencoderArchitecture, batch: Int, size: Int) {
        // Every activation once, and while gradients go back those of the widest layers beside it.
        activations += 4 * batch * architecture.activations(height: size, width: size) * 3 / 2
    }

    /// Adds a perceptual distance of what an autoencoder makes from the pictures themselves.
    mutating func add(_ perceptual: PerceptualDistance, batch: Int, size: Int) {
        state += 4 * perceptual.parameterCount
        // Of what comes back every activation once; gradients on their way, and of the pictures what is compared.
        activations += 4 * batch * perceptual.activations(height: size, width: size) * 3 / 2
    }

    /// Adds an autoencoder whose latents are diffused.
    ///
    /// - Parameter encodes: whether it encodes in the step; else it only decodes previews.
    mutating func add(_ autoencoder: Autoencoder, size: Int, encodes: Bool) {
        state += 4 * autoencoder.parameterCount
        // Nothing is kept for a gradient: at the finest level a few activations stand side by side.
        let pixels = max(size * size, encodes ? LatentSpace.pixelsAtOnce : 0)
        activations += 4 * 4 * pixels * autoencoder.architecture.levelWidths[0]
    }

    /// Adds an encoder that runs in the step.
    mutating func add(_ encoder: DINOv2Architecture, grid: Int, precision: Precision) {
        state += (precision == .bf16 ? 6 : 4) * encoder.parameterCount
        let tokens = DINOv2.picturesAtOnce * (grid * grid + 1 + encoder.registers)
        // Its tokens, queries, keys, values and norms, and both sides of the inner layer; nothing is kept for a gradient.
        activations += 4 * tokens * (7 * encoder.width + 2 * encoder.feedForwardWidth)
    }

    /// The memory that this process may have in bytes: the machine's, or less where a control group says so.
    public static var available: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8))
                .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
        return limits.reduce(machine, min)
    }
}
