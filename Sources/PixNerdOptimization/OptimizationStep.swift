import PixNerdTensors

/// A loss, gradient or weight that is not a finite number: the step and the first tensor, in one sentence.
public struct NotFiniteError: Error, CustomStringConvertible, Sendable {
    public let description: String

    package init(_ description: String) { self.description = description }
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
    /// Joins this process's gradients with those of others, where there are any.
    public let exchange: GradientExchange?
    private let count: (Batch) -> Int
    private let loss: (Batch) -> TrainingLoss

    /// - Parameters:
    ///   - count: of the pictures in a batch.
    ///   - loss: of a batch, on the tape: the mean over its pictures.
    public init(
        optimizer: AdamW, averages: [MovingAverage] = [], gradientClip: Double? = nil,
        exchange: GradientExchange? = nil, count: @escaping (Batch) -> Int, loss: @escaping (Batch) -> TrainingLoss
    ) {
        self.optimizer = optimizer
        self.averages = averages
        self.gradientClip = gradientClip
        self.exchange = exchange
        self.count = count
        self.loss = loss
    }

    /// Computes the mean loss over all pictures of several batches and leaves its gradient in the parameters; where
    /// processes share the update, in the elements that are this one's.
    ///
    /// - Parameter whole: pictures of the step on all processes; those of `batches` where nil.
    /// - Returns: the mean loss, and the losses of each picture.
    public func gradient(_ batches: [Batch], of whole: Int? = nil) -> (mean: Float, pictures: PictureLosses) {
        for parameter in parameters { parameter.clearGradient() }
        let observer = exchange?.begin()
        let counts = batches.map(count)
        let total = whole ?? counts.reduce(0, +)
        var pictures: [PictureLosses] = []
        var sum = 0.0
        for (place, batch) in batches.enumerated() {
            let share = Tensor([Float(counts[place]) / Float(total)], shape: [1])
            let mean = withGradient(
                upstream: share, observer: place == batches.count - 1 ? observer : nil, rounds: roundsGradients(batches)
            ) {
                let loss = loss(batch)
                pictures.append(loss.pictures)
                return loss.mean
            }.scalar
            sum += Double(counts[place]) * Double(mean)
        }
        guard let exchange else { return (Float(sum / Double(total)), PictureLosses(pictures)) }
        exchange.finish()
        let sums = exchange.communicator.gather(numbers: [sum]).map { $0[0] }
        return (
            Float(sums.reduce(0, +) / Double(total)), PictureLosses(pictures).gathered(by: exchange.communicator)
        )
    }

    /// In bf16 the gradients of linear layers' weights are kept as such where nothing is added to them, neither another
    /// batch's nor another process's.
    private func roundsGradients(_ batches: [Batch]) -> Bool {
        Precision.current == .bf16 && batches.count == 1 && exchange == nil
    }

    /// Takes the step.
    ///
    /// - Parameters:
    ///   - batches: at least one.
    ///   - whole: pictures of the step on all processes; those of `batches` where nil.
    ///   - shouldSkip: asked with the norm of the gradient; where it says so the weights stay as they are.
    /// - Throws: `NotFiniteError` where the loss or a gradient is not finite, on every process; the weights are then
    ///   untouched.
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
