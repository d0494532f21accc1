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
    /// An encoder's features of the pictures, [B, N, E], where tokens are aligned with them.
    public let features: Tensor?

    public init(data: Tensor, noise: Tensor, times: [Float], labels: [Int], features: Tensor? = nil) {
        self.data = data
        self.noise = noise
        self.times = times
        self.labels = labels
        self.features = features
    }
}

/// One step of training: forward, backward, clipping, AdamW, and the moving averages of the weights.
public struct FlowMatchingStep {
    public let optimizer: AdamW
    /// Those of the model, and then those of a projector where there is one: what the optimiser has.
    public var parameters: [Parameter] { optimizer.parameters }
    public let averages: [MovingAverage]
    /// The largest global norm of the gradients; nil for no clipping.
    public var gradientClip: Double?
    /// Whether the norm of the gradients is taken where nothing is clipped: one more pass over them, by which a gradient
    /// that is not finite is seen before the step is taken and not by the next loss.
    public var measuresGradient = true
    private let loss: (TrainingBatch) -> TrainingLoss

    public struct Result: Sendable {
        /// The mean over all pictures: that of the velocity, and the weighed one of the alignment.
        public let loss: Float
        /// Means of the losses that it is made of; the second is nil where nothing is aligned.
        public let flow: Float
        public let align: Float?
        /// Of the velocity of each picture, in the order of the batches.
        public let pictureLosses: [Float]
        /// Before clipping; 0 where it was not measured.
        public let gradientNorm: Double
        /// Whether the step was not taken.
        public let isSkipped: Bool
    }

    /// Trains a model.
    ///
    /// - Parameter optimizer: of the model's parameters.
    public init(
        model: some Denoiser, optimizer: AdamW, averages: [MovingAverage] = [], gradientClip: Double? = nil
    ) {
        self.init(optimizer, averages, gradientClip) { flowMatchingLoss(model, $0) }
    }

    /// Trains a model whose tokens are aligned with the batches' features.
    ///
    /// - Parameter optimizer: of the model's parameters, and then the projector's.
    public init(
        model: some AlignableDenoiser, alignment: Alignment?, optimizer: AdamW, averages: [MovingAverage] = [],
        gradientClip: Double? = nil
    ) {
        self.init(optimizer, averages, gradientClip) { batch in
            alignment.map { alignedLoss(model, batch, $0) } ?? flowMatchingLoss(model, batch)
        }
    }

    private init(
        _ optimizer: AdamW, _ averages: [MovingAverage], _ gradientClip: Double?,
        loss: @escaping (TrainingBatch) -> TrainingLoss
    ) {
        self.optimizer = optimizer
        self.averages = averages
        self.gradientClip = gradientClip
        self.loss = loss
    }

    /// Computes the mean loss of several batches of equal size and leaves its gradient in the parameters.
    ///
    /// - Returns: the mean loss, and the losses of each picture.
    public func gradient(_ batches: [TrainingBatch]) -> (mean: Float, pictures: PictureLosses) {
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
        return (mean(means), PictureLosses(pictures))
    }

    private func mean(_ values: [Float]) -> Float {
        Float(values.reduce(0.0) { $0 + Double($1) } / Double(values.count))
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
        let (loss, pictures) = gradient(batches)
        let norm = measuresGradient || gradientClip != nil ? globalGradientNorm(parameters) : 0
        guard loss.isFinite && norm.isFinite else { throw notFinite(loss: loss) }
        let isSkipped = shouldSkip(norm)
        if !isSkipped {
            optimizer.update(
                gradientScale: gradientClip.map { clippingFactor(norm: norm, limit: $0) } ?? 1, averages: averages)
        }
        return Result(
            loss: loss, flow: mean(pictures.flow), align: pictures.align.map(mean), pictureLosses: pictures.flow,
            gradientNorm: norm, isSkipped: isSkipped)
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
