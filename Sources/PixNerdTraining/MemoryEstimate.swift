import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// An estimate of the memory that a run needs.
public struct MemoryEstimate: Sendable {
    /// Size of weights, gradients, both moments and EMAs in bytes.
    public var state: Int { stateCount.clamped }
    /// Size of what one forward and backward pass keeps, in bytes.
    public var activations: Int { activationCount.clamped }
    /// Size of decoded images and of the threads that decode them, in bytes.
    public var loading: Int { loadingCount.clamped }
    /// Size of state, of loading, and of a pass or a preview, whichever is larger, in bytes.
    public var total: Int { (stateCount + loadingCount + CheckedInt(max(activations, previewCount.clamped))).clamped }

    private var stateCount: CheckedInt
    private var activationCount: CheckedInt = 0
    private var loadingCount: CheckedInt = 0
    private var previewCount: CheckedInt = 0
    /// Part of the state that processes can share: moments and EMAs, in bytes.
    private var shareable: CheckedInt
    /// Part of the state that gradients of the model's weights take, in bytes.
    private var gradients: CheckedInt

    /// Estimates a model without activations.
    ///
    /// - Parameters:
    ///   - parameters: number of parameters of the model.
    ///   - averages: number of EMAs.
    init(parameters: Int, averages: Int) {
        let bytes = 4 * CheckedInt(parameters)
        stateCount = bytes * CheckedInt(4 + averages)
        shareable = bytes * CheckedInt(2 + averages)
        gradients = bytes
    }

    /// Accounts for matmuls in bf16.
    ///
    /// - Parameters:
    ///   - passes: number of passes per step on this process.
    ///   - ranks: number of processes.
    mutating func roundFactors(passes: Int, ranks: Int) {
        if passes == 1, ranks == 1 {
            // Gradients that nothing is added to are kept in bf16.
            stateCount = stateCount - gradients / 2
        } else if passes > 1 {
            // From the second pass on, the rounded weights cannot share memory with the gradients.
            stateCount += gradients / 2
        }
    }

    /// Accounts for Muon, which keeps one tensor instead of two of a parameter.
    ///
    /// - Parameter parameters: number of parameters that it trains.
    mutating func useMuon(on parameters: Int) {
        stateCount = stateCount - 4 * CheckedInt(parameters)
        shareable = shareable - 4 * CheckedInt(parameters)
    }

    /// Accounts for training small parameters that weights follow from: besides the weights, those that the run began
    /// with and for a moment their gradients.
    mutating func trainAdapters() {
        stateCount = stateCount - shareable
        shareable = 0
    }

    /// Divides moments and EMAs among `ranks` processes.
    mutating func shareUpdate(by ranks: Int) {
        let share = shareable / CheckedInt(ranks)
        stateCount = stateCount - shareable + share
        shareable = share
    }

    /// Accounts for an EMA that every process needs whole for a moment.
    mutating func addWholeAverage() { stateCount += gradients }

    /// Estimates the training of a denoiser.
    ///
    /// - Parameters:
    ///   - averages: number of EMAs.
    ///   - batch: number of images per forward pass.
    ///   - size: size of the images or latents.
    ///   - recompute: whether the backward pass recomputes activations.
    ///   - precision: precision of what is kept for the backward pass.
    public init(
        _ architecture: any TrainableArchitecture, averages: Int, batch: Int, size: ImageSize, recompute: Bool,
        precision: Precision
    ) {
        let trained = architecture.trainedParameterCount
        self.init(parameters: trained, averages: averages)
        stateCount += 4 * CheckedInt(architecture.parameterCount - trained)
        activationCount = CheckedInt(
            architecture.activationBytes(
                batch: batch, height: size.height, width: size.width, recompute: recompute, precision: precision))
    }

    /// Adds a projector and its target features.
    mutating func addAlignment(inputs: Int, hidden: Int, outputs: Int, tokens: Int) {
        // Weights, gradients and both moments.
        stateCount +=
            4 * 4 * CheckedInt(Projector.parameterCount(inputs: inputs, hidden: hidden, outputs: outputs))
        // Each hidden layer before and after SiLU, with a temporary gradient; output, its gradient, and features.
        activationCount += 4 * CheckedInt(tokens) * CheckedInt(5 * hidden + 3 * outputs)
    }

    /// Adds the activations of an autoencoder in training.
    mutating func addTraining(of architecture: AutoencoderArchitecture, batch: Int, size: Int) {
        // Every activation once, and during the backward pass the gradients of the widest layers.
        let kept = CheckedInt(architecture.activations(height: size, width: size))
        activationCount += 4 * CheckedInt(batch) * kept * 3 / 2
    }

    /// Adds the activations of the temporal part of a video autoencoder in training.
    ///
    /// - Parameters:
    ///   - batch: films at once.
    ///   - frames: frames of a film.
    ///   - pixels: latents of a frame.
    mutating func addTraining(of architecture: TemporalArchitecture, batch: Int, frames: Int, pixels: Int) {
        let kept = CheckedInt(architecture.activations(frames: frames, pixels: pixels))
        activationCount += 4 * CheckedInt(batch) * kept * 3 / 2
    }

    /// Adds the perceptual distance between images and their reconstructions.
    mutating func add(_ perceptual: PerceptualDistance, batch: Int, size: Int) {
        stateCount += 4 * CheckedInt(perceptual.parameterCount)
        // Every activation of the reconstructions once; temporary gradients, and the compared features of the images.
        let kept = CheckedInt(perceptual.activations(height: size, width: size))
        activationCount += 4 * CheckedInt(batch) * kept * 3 / 2
    }

    /// Adds the frozen teacher of a model of few steps.
    mutating func addTeacher(parameters: Int) { stateCount += 4 * CheckedInt(parameters) }

    /// Adds an autoencoder whose latents a denoiser is trained in.
    ///
    /// - Parameter encodes: whether it encodes during training; otherwise it only decodes previews.
    mutating func add(_ autoencoder: Autoencoder, size: ImageSize, encodes: Bool) {
        stateCount += 4 * CheckedInt(autoencoder.parameterCount)
        // Nothing is kept for gradients: the finest level needs a few activations at once.
        let pixels = max(
            (CheckedInt(size.height) * CheckedInt(size.width)).clamped, encodes ? LatentSpace.pixelsAtOnce : 0)
        activationCount += 4 * 4 * CheckedInt(pixels) * CheckedInt(autoencoder.architecture.levelWidths[0])
    }

    /// Adds an encoder that runs during training.
    mutating func add(_ encoder: DINOv2Architecture, grid: Int, precision: Precision) {
        stateCount += (precision == .bf16 ? 6 : 4) * CheckedInt(encoder.parameterCount)
        let grid = CheckedInt(grid)
        let tokens = CheckedInt(DINOv2.picturesAtOnce) * (grid * grid + 1 + CheckedInt(encoder.registers))
        // Tokens, queries, keys, values, norms, and both sides of the hidden activation; nothing for gradients.
        let width = 7 * CheckedInt(encoder.width) + 2 * CheckedInt(encoder.feedForwardWidth)
        activationCount += 4 * tokens * width
    }

    /// Adds a text encoder that runs during training.
    ///
    /// - Parameters:
    ///   - texts: number of texts that are encoded together.
    ///   - length: number of tokens of each.
    mutating func add(_ encoder: TextEncoderArchitecture, texts: Int, length: Int) {
        // A large encoder is read layer by layer.
        stateCount += CheckedInt(min(encoder.widenedBytes, Qwen3.mostKeptBytes))
        let tokens = CheckedInt(texts) * CheckedInt(length)
        activationCount += 4 * tokens * (2 * CheckedInt(encoder.width) + 3 * CheckedInt(encoder.feedForwardWidth))
    }

    /// Adds images that are resized to another side for their patches to be decoded at it, with their noise and the
    /// point between them.
    mutating func addFields(side: Int, batch: Int) {
        let side = CheckedInt(side)
        activationCount += 4 * 3 * 3 * CheckedInt(batch) * side * side
    }

    /// Adds images that are decoded ahead of training, and the threads that decode them.
    ///
    /// - Parameters:
    ///   - pixels: number of pixels of the largest images that are loaded.
    ///   - batch: number of images per forward pass.
    mutating func addLoading(_ data: Configuration.DataSection, pixels: Int, batch: Int) {
        let bytes = CheckedInt(batch) * CheckedInt(pixels) * 3
        // One batch is loaded ahead however small the limit is.
        let limit = max(bytes.clamped, data.prefetchMegabytes << 20)
        let ahead = CheckedInt(min((bytes * CheckedInt(data.prefetchBatches)).clamped, limit))
        // The stack of a thread and an image of two megapixels.
        loadingCount += ahead + bytes + CheckedInt(data.workers) * 8_388_608
    }

    /// Accounts for previews: their images, the sheet of them, and its compressed form.
    mutating func addPreviews(images: Int, size: ImageSize) {
        previewCount = CheckedInt(images) * (3 * 3 * CheckedInt(size.height) * CheckedInt(size.width) + 256)
    }
}
