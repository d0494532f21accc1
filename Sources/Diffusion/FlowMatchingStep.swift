import Layers
import Tensors

/// A loss, gradient or weight that is not a finite number: the step and the first tensor, in one sentence.
public struct NotFiniteError: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// One step of training: forward, backward, clipping, AdamW, and the moving average of the weights.
public struct FlowMatchingStep<Model: Denoiser> {
    public let model: Model
    public let optimizer: AdamW
    public let average: MovingAverage?
    /// The largest global norm of the gradients; nil for no clipping.
    public var gradientClip: Double?

    public struct Result: Sendable {
        public let loss: Float
        /// Before clipping.
        public let gradientNorm: Double
    }

    public init(model: Model, optimizer: AdamW, average: MovingAverage?, gradientClip: Double? = nil) {
        self.model = model
        self.optimizer = optimizer
        self.average = average
        self.gradientClip = gradientClip
    }

    /// Computes the loss and leaves its gradient in the parameters.
    public func gradient(data: Tensor, noise: Tensor, times: [Float], labels: [Int]) -> Float {
        for parameter in model.parameters { parameter.clearGradient() }
        return withGradient {
            flowMatchingLoss(model, data: data, noise: noise, times: times, labels: labels)
        }.scalar
    }

    /// Takes the step.
    ///
    /// - Parameters:
    ///   - data: [B, C, H, W].
    ///   - noise: of the same shape.
    ///   - times: B times, after the shift.
    ///   - labels: B labels, the null label where the class was dropped.
    /// - Throws: `NotFiniteError` where the loss or a gradient is not finite; the weights are then untouched.
    public func callAsFunction(data: Tensor, noise: Tensor, times: [Float], labels: [Int]) throws -> Result {
        let loss = gradient(data: data, noise: noise, times: times, labels: labels)
        let norm = globalGradientNorm(model.parameters)
        guard loss.isFinite && norm.isFinite else { throw notFinite(loss: loss) }
        optimizer.update(
            gradientScale: gradientClip.map { clippingFactor(norm: norm, limit: $0) } ?? 1, average: average)
        return Result(loss: loss, gradientNorm: norm)
    }

    private func notFinite(loss: Float) -> NotFiniteError {
        let name = { (what: String) in "step \(optimizer.step + 1): \(what); lower the learning rate or clip gradients" }
        if let bad = model.parameters.first(where: { !$0.value.isFinite }) {
            return NotFiniteError(name("the weight \(bad.name) is not finite"))
        }
        if let bad = model.parameters.first(where: { $0.gradient?.isFinite == false }) {
            return NotFiniteError(name("the gradient of \(bad.name) is not finite, and the loss is \(loss)"))
        }
        return NotFiniteError(name("the loss is \(loss)"))
    }
}
