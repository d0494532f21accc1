import PixNerdTensors

/// A loss, gradient or weight that is not a finite number.
public struct NotFiniteError: Error, CustomStringConvertible, Sendable {
    /// The number of the step, from 1.
    public let step: Int
    /// What is not finite, with the name of the first such tensor, such as "the loss is nan".
    public let found: String

    /// One sentence without a full stop.
    public var description: String { "step \(step): \(found); lower the learning rate or clip gradients" }
}

/// The result of an optimization step.
public struct OptimizationResult: Sendable {
    /// Mean over all images of the weighted sum of all loss parts.
    public let loss: Float
    /// Losses per image, in the order of the batches.
    public let pictures: PictureLosses
    /// Norm of the gradient before clipping; 0 if it was not measured.
    public let gradientNorm: Double
    /// Whether the update was skipped.
    public let isSkipped: Bool
}

/// One training step: forward, backward, clipping, the optimizer, and the EMAs of the weights.
public struct OptimizationStep<Batch> {
    public let optimizer: any Optimizer
    /// The parameters of the optimizer. The EMAs cover the first of them.
    public var parameters: [Parameter] { optimizer.parameters }
    public let averages: [MovingAverage]
    /// The largest allowed global norm of the gradients; nil for no clipping.
    public var gradientClip: Double?
    /// Whether the norm of the gradients is measured even without clipping. This costs one more pass over the
    /// gradients, and detects a gradient that is not finite before the step is taken instead of through the next loss.
    public var measuresGradient = true
    /// Sums the gradients of all processes; nil for a single process.
    public let exchange: GradientExchange?
    private let count: (Batch) -> Int
    private let weight: (Batch) -> Float
    private let loss: (Batch) -> TrainingLoss

    /// - Parameters:
    ///   - count: returns the number of images in a batch.
    ///   - weight: returns the factor of the loss of a batch's images.
    ///   - loss: computes the mean loss over the images of a batch, on the tape.
    public init(
        optimizer: any Optimizer, averages: [MovingAverage] = [], gradientClip: Double? = nil,
        exchange: GradientExchange? = nil, count: @escaping (Batch) -> Int,
        weight: @escaping (Batch) -> Float = { _ in 1 }, loss: @escaping (Batch) -> TrainingLoss
    ) {
        self.optimizer = optimizer
        self.averages = averages
        self.gradientClip = gradientClip
        self.exchange = exchange
        self.count = count
        self.weight = weight
        self.loss = loss
    }

    /// Computes the mean of the weighted losses of all images of several batches and leaves its gradient in the parameters. If
    /// processes share the update, the gradient is complete only in the elements that this process updates.
    ///
    /// - Parameter whole: number of images of the step on all processes; that of `batches` if nil.
    /// - Returns: the mean loss, and the losses per image.
    public func gradient(_ batches: [Batch], of whole: Int? = nil) -> (mean: Float, pictures: PictureLosses) {
        for parameter in parameters { parameter.clearGradient() }
        let observer = exchange?.begin()
        let counts = batches.map(count)
        let total = whole ?? counts.reduce(0, +)
        var pictures: [PictureLosses] = []
        var sum = 0.0
        for (place, batch) in batches.enumerated() {
            let weight = weight(batch)
            let share = Tensor([weight * Float(counts[place]) / Float(total)], shape: [1])
            let mean = withGradient(
                upstream: share, observer: place == batches.count - 1 ? observer : nil, rounds: roundsGradients(batches)
            ) {
                let loss = loss(batch)
                pictures.append(loss.pictures)
                return loss.mean
            }.scalar
            sum += Double(weight) * Double(counts[place]) * Double(mean)
        }
        guard let exchange else { return (Float(sum / Double(total)), PictureLosses(pictures)) }
        exchange.finish()
        let sums = exchange.communicator.gather(numbers: [sum]).map { $0[0] }
        return (
            Float(sums.reduce(0, +) / Double(total)), PictureLosses(pictures).gathered(by: exchange.communicator)
        )
    }

    /// Whether gradients of the weights of linear layers are kept as bf16: in bf16, if nothing is added to them,
    /// neither another batch's gradient nor another process's.
    private func roundsGradients(_ batches: [Batch]) -> Bool {
        Precision.current == .bf16 && batches.count == 1 && exchange == nil
    }

    /// Takes one step.
    ///
    /// - Parameters:
    ///   - batches: at least one batch.
    ///   - whole: number of images of the step on all processes; that of `batches` if nil.
    ///   - shouldSkip: decides from the norm of the gradient whether to leave the weights unchanged.
    /// - Throws: `NotFiniteError` if the loss or a gradient is not finite, on every process. The weights are then
    ///   unchanged.
    public func callAsFunction(
        _ batches: [Batch], of whole: Int? = nil, shouldSkip: (_ gradientNorm: Double) -> Bool = { _ in false }
    ) throws -> OptimizationResult {
        let (loss, pictures) = gradient(batches, of: whole)
        let isMeasured = measuresGradient || gradientClip != nil
        let norm = isMeasured ? exchange?.gradientNorm() ?? globalGradientNorm(parameters) : 0
        guard loss.isFinite && norm.isFinite else { throw notFinite(loss: loss) }
        let isSkipped = shouldSkip(norm)
        if !isSkipped {
            optimizer.update(
                gradientScale: gradientClip.map { clippingFactor(norm: norm, limit: $0) } ?? 1, averages: averages)
            exchange?.shareWeights()
        }
        return OptimizationResult(loss: loss, pictures: pictures, gradientNorm: norm, isSkipped: isSkipped)
    }

    private func notFinite(loss: Float) -> NotFiniteError {
        func error(_ found: String) -> NotFiniteError { NotFiniteError(step: optimizer.step + 1, found: found) }
        if let bad = parameters.first(where: { !$0.value.isFinite }) {
            return error("the weight \(bad.name) is not finite")
        }
        if let bad = parameters.first(where: { $0.gradient?.isFinite == false }) {
            return error("the gradient of \(bad.name) is not finite, and the loss is \(loss)")
        }
        return error("the loss is \(loss)")
    }
}
