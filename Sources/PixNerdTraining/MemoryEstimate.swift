import Foundation
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdTensors

/// An estimate of the memory that a run needs.
public struct MemoryEstimate: Sendable {
    /// Size of weights, gradients, both moments and EMAs in bytes.
    public private(set) var state: Int
    /// Size of what one forward and backward pass keeps, in bytes.
    public private(set) var activations: Int
    /// Part of the state that processes can share: moments and EMAs, in bytes.
    private var shareable: Int
    /// Part of the state that gradients of the model's weights take, in bytes.
    private var gradients: Int

    public var total: Int { state + activations }

    /// Estimates a model without activations.
    ///
    /// - Parameters:
    ///   - parameters: number of parameters of the model.
    ///   - averages: number of EMAs.
    init(parameters: Int, averages: Int) {
        state = 4 * parameters * (4 + averages)
        shareable = 4 * parameters * (2 + averages)
        gradients = 4 * parameters
        activations = 0
    }

    /// Accounts for matmuls in bf16.
    ///
    /// - Parameters:
    ///   - passes: number of passes per step on this process.
    ///   - ranks: number of processes.
    mutating func roundFactors(passes: Int, ranks: Int) {
        if passes == 1, ranks == 1 {
            // Gradients that nothing is added to are kept in bf16.
            state -= gradients / 2
        } else if passes > 1 {
            // From the second pass on, the rounded weights cannot share memory with the gradients.
            state += gradients / 2
        }
    }

    /// Divides moments and EMAs among `ranks` processes.
    mutating func shareUpdate(by ranks: Int) {
        state -= shareable - shareable / ranks
        shareable /= ranks
    }

    /// Estimates the training of a denoiser.
    ///
    /// - Parameters:
    ///   - averages: number of EMAs.
    ///   - batch: number of images per forward pass.
    ///   - size: side of the images or latents.
    ///   - recompute: whether the backward pass recomputes activations.
    ///   - precision: precision of what is kept for the backward pass.
    public init(
        _ architecture: any TrainableArchitecture, averages: Int, batch: Int, size: Int, recompute: Bool,
        precision: Precision
    ) {
        self.init(parameters: architecture.parameterCount, averages: averages)
        activations = architecture.activationBytes(
            batch: batch, height: size, width: size, recompute: recompute, precision: precision)
    }

    /// Adds a projector and its target features.
    mutating func addAlignment(inputs: Int, hidden: Int, outputs: Int, tokens: Int) {
        // Weights, gradients and both moments.
        state += 4 * 4 * Projector.parameterCount(inputs: inputs, hidden: hidden, outputs: outputs)
        // Each hidden layer before and after SiLU, with a temporary gradient; output, its gradient, and features.
        activations += 4 * tokens * (5 * hidden + 3 * outputs)
    }

    /// Adds the activations of an autoencoder in training.
    mutating func addTraining(of architecture: AutoencoderArchitecture, batch: Int, size: Int) {
        // Every activation once, and during the backward pass the gradients of the widest layers.
        activations += 4 * batch * architecture.activations(height: size, width: size) * 3 / 2
    }

    /// Adds the perceptual distance between images and their reconstructions.
    mutating func add(_ perceptual: PerceptualDistance, batch: Int, size: Int) {
        state += 4 * perceptual.parameterCount
        // Every activation of the reconstructions once; temporary gradients, and the compared features of the images.
        activations += 4 * batch * perceptual.activations(height: size, width: size) * 3 / 2
    }

    /// Adds an autoencoder whose latents a denoiser is trained in.
    ///
    /// - Parameter encodes: whether it encodes during training; otherwise it only decodes previews.
    mutating func add(_ autoencoder: Autoencoder, size: Int, encodes: Bool) {
        state += 4 * autoencoder.parameterCount
        // Nothing is kept for gradients: the finest level needs a few activations at once.
        let pixels = max(size * size, encodes ? LatentSpace.pixelsAtOnce : 0)
        activations += 4 * 4 * pixels * autoencoder.architecture.levelWidths[0]
    }

    /// Adds an encoder that runs during training.
    mutating func add(_ encoder: DINOv2Architecture, grid: Int, precision: Precision) {
        state += (precision == .bf16 ? 6 : 4) * encoder.parameterCount
        let tokens = DINOv2.picturesAtOnce * (grid * grid + 1 + encoder.registers)
        // Tokens, queries, keys, values, norms, and both sides of the hidden activation; nothing for gradients.
        activations += 4 * tokens * (7 * encoder.width + 2 * encoder.feedForwardWidth)
    }

    /// Memory available to this process in bytes: that of the machine, or the smaller limit of its control group.
    public static var available: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8))
                .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
        return limits.reduce(machine, min)
    }
}
