import Tensors

/// A loss, gradient or weight that is not a finite number: the step and the first tensor, in one sentence.
public struct NotFiniteError: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What a step did.
public struct OptimizationResult: Sendable {
    /// The mean over all pictures, of all parts with their weights.
    public let loss: Float
    /// In the order of the batches.
    public let pictures: PictureLosses
    /// Before clipping; 0 where it was not measured.
    public let gradientNorm: Double
    /// Whether the step was not taken.
    public let isSkipped: Bool
}

/// One step of training: forward, backward, clipping, AdamW, and the moving averages of the weights.
public struct OptimizationStep<Batch> {
    public let optimizer: AdamW
    /// What the optimiser has; the averages follow the first of them.
    public var parameters: [Parameter] { optimizer.parameters }
    public let averages: [MovingAverage]
    /// The largest global norm of the gradients; nil for no clipping.
    public var gradientClip: Double?
    /// Whether the norm of the gradients is taken where nothing is clipped: one more pass over them, by which a gradient
    /// that is not finite is seen before the step is taken and not by the next loss.
    public var measuresGradient = true
    private let loss: (Batch) -> TrainingLoss

    /// - Parameter loss: of a batch, on the tape.
    public init(
        optimizer: AdamW, averages: [MovingAverage] = [], gradientClip: Double? = nil,
        loss: @escaping (Batch) -> TrainingLoss
    ) {
        self.optimizer = optimizer
        self.averages = averages
        self.gradientClip = gradientClip
        self.loss = loss
    }

    /// Computes the mean loss of several batches of equal size and leaves its gradient in the parameters.
    ///
    /// - Returns: the mean loss, and the losses of each picture.
    public func gradient(_ batches: [Batch]) -> (mean: Float, pictures: PictureLosses) {
        for parameter in parameters { parameter.clearGradient() }
        let share = Tensor([1 / Float(batches.count)], shape: [1])
        var pictures: [PictureLosses] = []
        let means = batches.map { batch in
            withGradient(upstream: share) {
                let loss = loss(batch)
                pictures.append(loss.pictures)
                return loss.mean
            }.scalar
        }
        let mean = means.reduce(0.0) { $0 + Double($1) } / Double(means.count)
        return (Float(mean), PictureLosses(pictures))
    }

    /// Takes the step.
    ///
    /// - Parameters:
    ///   - batches: of equal size; their gradients are averaged.
    ///   - shouldSkip: asked with the norm of the gradient; where it says so the weights stay as they are.
    /// - Throws: `NotFiniteError` where the loss or a gradient is not finite; the weights are then untouched.
    public func callAsFunction(
        _ batches: [Batch], shouldSkip: (_ gradientNorm: Double) -> Bool = { _ in false }
    ) throws -> OptimizationResult {
        let (loss, pictures) = gradient(batches)
        let norm = measuresGradient || gradientClip != nil ? globalGradientNorm(parameters) : 0
        guard loss.isFinite && norm.isFinite else { throw notFinite(loss: loss) }
        let isSkipped = shouldSkip(norm)
        if !isSkipped {
            optimizer.update(
                gradientScale: gradientClip.map { clippingFactor(norm: norm, limit: $0) } ?? 1, averages: averages)
        }
        return OptimizationResult(loss: loss, pictures: pictures, gradientNorm: norm, isSkipped: isSkipped)
    }

    private func notFinite(loss: Float) -> NotFiniteError {
        let step = optimizer.step + 1
        func error(_ what: String) -> NotFiniteError {
            NotFiniteError("step \(step): \(what); lower the learning rate or clip gradients")
        }
        if let bad = parameters.first(where: { !$0.value.isFinite }) {
            return error("the weight \(bad.name) is not finite")
        }
        if let bad = parameters.first(where: { $0.gradient?.isFinite == false }) {
            return error("the gradient of \(bad.name) is not finite, and the loss is \(loss)")
        }
        return error("the loss is \(loss)")
    }
}
