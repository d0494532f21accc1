import PixNerdTensors

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101), as `torch.optim.AdamW` computes it.
public final class AdamW {
    public struct Settings: Sendable, Equatable {
        public var learningRate: Float
        public var beta1: Float
        public var beta2: Float
        public var epsilon: Float
        public var weightDecay: Float

        public init(
            learningRate: Float = 1e-4, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8,
            weightDecay: Float = 0
        ) {
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    public let parameters: [Parameter]
    public var settings: Settings
    /// Steps taken so far.
    public private(set) var step: Int
    /// The elements that are updated here; all of them, unless processes share the work.
    public let pieces: [ParameterPiece]
    /// Moving averages of the gradients and of their squares, one tensor a piece.
    public private(set) var firstMoments: [Tensor]
    public private(set) var secondMoments: [Tensor]

    /// - Parameter pieces: in the order of the parameters; everything where nil.
    public init(_ parameters: [Parameter], settings: Settings, pieces: [ParameterPiece]? = nil) {
        self.parameters = parameters
        self.settings = settings
        let pieces = pieces ?? ParameterPiece.whole(parameters)
        self.pieces = pieces
        step = 0
        func zeros() -> [Tensor] {
            pieces.map { piece in
                let shape = parameters[piece.parameter].value.shape
                return Tensor(zeros: piece.range.count == shape.reduce(1, *) ? shape : [piece.range.count])
            }
        }
        (firstMoments, secondMoments) = (zeros(), zeros())
    }

    /// Takes up where a saved optimiser stopped.
    ///
    /// - Precondition: the moments have the shapes that they have here.
    public func restore(step: Int, firstMoments: [Tensor], secondMoments: [Tensor]) {
        let shapes = self.firstMoments.map(\.shape)
        precondition(
            firstMoments.map(\.shape) == shapes && secondMoments.map(\.shape) == shapes,
            "AdamW: restored moments do not have the shapes of the pieces")
        self.step = step
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
    }

    /// One step along the gradients that the parameters hold, and one of the moving averages of the weights.
    ///
    /// - Parameters:
    ///   - gradientScale: a factor for all gradients, from clipping.
    ///   - averages: move towards the new weights, the first in the same pass over memory. They are of the first
    ///     parameters; what is trained beside a model, such as a projector, comes after those and has none.
    public func update(gradientScale: Float = 1, averages: [MovingAverage] = []) {
        step += 1
        let coefficients = AdamWCoefficients(
            learningRate: settings.learningRate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon, weightDecay: settings.weightDecay, step: step, gradientScale: gradientScale,
            averageDecay: averages.first?.decay ?? 0)
        for (index, piece) in pieces.enumerated() {
            let (parameter, start) = (parameters[piece.parameter], piece.range.lowerBound)
            guard let gradient = parameter.storedGradient else {
                preconditionFailure("AdamW: the parameter \(parameter.name) got no gradient")
            }
            let averages = averages.filter { index < $0.values.count }
            parameter.modify { weight in
                if let average = averages.first {
                    adamWStep(
                        coefficients, gradient: gradient, weight: &weight, from: start,
                        firstMoment: &firstMoments[index], secondMoment: &secondMoments[index],
                        average: &average.values[index])
                } else {
                    adamWStep(
                        coefficients, gradient: gradient, weight: &weight, from: start,
                        firstMoment: &firstMoments[index], secondMoment: &secondMoments[index])
                }
            }
            for average in averages.dropFirst() {
                follow(parameter.value, from: start, decay: average.decay, average: &average.values[index])
            }
        }
    }
}

/// An exponential moving average of a model's weights: average = decay average + (1 - decay) weight after each step.
public final class MovingAverage {
    public var decay: Float
    /// One tensor for each piece of the model's parameters, in their order.
    public internal(set) var values: [Tensor]

    /// - Parameters:
    ///   - values: where the average starts, one tensor for each parameter of the model; it keeps memory of its own.
    ///   - pieces: what is averaged here, of the model and perhaps of what is trained beside it; everything where nil.
    public init(decay: Float, startingFrom values: [Tensor], pieces: [ParameterPiece]? = nil) {
        self.decay = decay
        self.values =
            pieces?.filter { $0.parameter < values.count }.map { $0.copied(from: values[$0.parameter]) }
            ?? values.map { $0.copied() }
    }

    /// - Parameter pieces: the averages of all pieces, which are not copied.
    public init(decay: Float, pieces: [Tensor]) { (self.decay, values) = (decay, pieces) }
}

/// The Euclidean norm of all gradients together, as `torch.nn.utils.clip_grad_norm_` measures it.
public func globalGradientNorm(_ parameters: [Parameter]) -> Double {
    parameters.reduce(0) { sum, parameter in
        sum + (parameter.storedGradient.map { sumOfSquares($0, count: parameter.value.count) } ?? 0)
    }.squareRoot()
}

/// The factor that brings gradients of norm `norm` to at most `limit`, as `torch.nn.utils.clip_grad_norm_` has it.
public func clippingFactor(norm: Double, limit: Double) -> Float {
    Float(min(1, limit / (norm + 1e-6)))
}
