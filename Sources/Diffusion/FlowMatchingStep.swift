import Layers
import Tensors

/// A loss, gradient or weight that is not a finite number: the step and the first tensor, in one sentence.
public struct NotFiniteError: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What a forward and backward pass of training takes.
public struct TrainingBatch: Sendable {
    /// [B, C, H, W]
    public let data: Tensor
    /// Of the same shape.
    public let noise: Tensor
    /// B times, after the shift.
    public let times: [Float]
    /// B labels, the null label where the class was dropped.
    public let labels: [Int]

    public init(data: Tensor, noise: Tensor, times: [Float], labels: [Int]) {
        self.data = data
        self.noise = noise
        self.times = times
        self.labels = labels
    }
}

/// One step of training: forward, backward, clipping, AdamW, and the moving averages of the weights.
public struct FlowMatchingStep<Model: Denoiser> {
    public let model: Model
    public let optimizer: AdamW
    public let averages: [MovingAverage]
    /// The largest global norm of the gradients; nil for no clipping.
    public var gradientClip: Double?
    /// Whether the norm of the gradients is taken where nothing is clipped: one more pass over them, by which a gradient
    /// that is not finite is seen before the step is taken and not by the next loss.
    public var measuresGradient = true

    public struct Result: Sendable {
        /// The mean over all pictures.
        public let loss: Float
        /// Of each picture, in the order of the batches.
        public let pictureLosses: [Float]
        /// Before clipping; 0 where it was not measured.
        public let gradientNorm: Double
        /// Whether the step was not taken.
        public let isSkipped: Bool
    }

    public init(model: Model, optimizer: AdamW, averages: [MovingAverage] = [], gradientClip: Double? = nil) {
        self.model = model
        self.optimizer = optimizer
        self.averages = averages
        self.gradientClip = gradientClip
    }

    /// Computes the mean loss of several batches of equal size and leaves its gradient in the parameters.
    ///
    /// - Returns: the loss of each picture.
    public func gradient(_ batches: [TrainingBatch]) -> [Float] {
        for parameter in model.parameters { parameter.clearGradient() }
        let share = Tensor([1 / Float(batches.count)], shape: [1])
        return batches.flatMap { batch in
            var losses: [Float] = []
            withGradient(upstream: share) {
                let loss = flowMatchingLoss(model, batch)
                losses = loss.pictures
                return loss.mean
            }
            return losses
        }
    }

    /// Takes the step.
    ///
    /// - Parameters:
    ///   - batches: of equal size; their gradients are averaged.
    ///   - shouldSkip: asked with the norm of the gradient; where it says so the weights stay as they are.
    /// - Throws: `NotFiniteError` where the loss or a gradient is not finite; the weights are then untouched.
    public func callAsFunction(
        _ batches: [TrainingBatch], shouldSkip: (_ gradientNorm: Double) -> Bool = { _ in false }
    ) throws -> Result {
        let losses = gradient(batches)
        let loss = Float(losses.reduce(0.0) { $0 + Double($1) } / Double(losses.count))
        let norm = measuresGradient || gradientClip != nil ? globalGradientNorm(model.parameters) : 0
        guard loss.isFinite && norm.isFinite else { throw notFinite(loss: loss) }
        let isSkipped = shouldSkip(norm)
        if !isSkipped {
            optimizer.update(
                gradientScale: gradientClip.map { clippingFactor(norm: norm, limit: $0) } ?? 1, averages: averages)
        }
        return Result(loss: loss, pictureLosses: losses, gradientNorm: norm, isSkipped: isSkipped)
    }

    private func notFinite(loss: Float) -> NotFiniteError {
        let step = optimizer.step + 1
        func error(_ what: String) -> NotFiniteError {
            NotFiniteError("step \(step): \(what); lower the learning rate or clip gradients")
        }
        if let bad = model.parameters.first(where: { !$0.value.isFinite }) {
            return error("the weight \(bad.name) is not finite")
        }
        if let bad = model.parameters.first(where: { $0.gradient?.isFinite == false }) {
            return error("the gradient of \(bad.name) is not finite, and the loss is \(loss)")
        }
        return error("the loss is \(loss)")
    }
}
