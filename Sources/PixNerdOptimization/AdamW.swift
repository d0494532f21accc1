import PixNerdTensors

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101), numerically as `torch.optim.AdamW`.
public final class AdamW: Optimizer {
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
    public private(set) var step: Int
    public let pieces: [ParameterPiece]
    /// Index in the EMAs of each piece.
    private let places: [Int]
    /// First moments: running averages of the gradients, one tensor per piece.
    public private(set) var firstMoments: [Tensor]

    /// Second moments: running averages of the squared gradients, one tensor per piece.
    public private(set) var secondMoments: [Tensor]

    /// - Parameter pieces: the elements to update, in the order of the parameters; everything if nil.
    public convenience init(_ parameters: [Parameter], settings: Settings, pieces: [ParameterPiece]? = nil) {
        let pieces = pieces ?? ParameterPiece.whole(parameters)
        self.init(parameters, settings: settings, pieces: pieces, places: Array(pieces.indices))
    }

    /// - Parameters:
    ///   - pieces: the elements to update, in the order of the parameters.
    ///   - places: index in the EMAs of each piece.
    init(_ parameters: [Parameter], settings: Settings, pieces: [ParameterPiece], places: [Int]) {
        self.parameters = parameters
        self.settings = settings
        self.pieces = pieces
        self.places = places
        step = 0
        func zeros() -> [Tensor] {
            pieces.map { piece in
                let shape = parameters[piece.parameter].value.shape
                return Tensor(zeros: piece.range.count == shape.reduce(1, *) ? shape : [piece.range.count])
            }
        }
        (firstMoments, secondMoments) = (zeros(), zeros())
    }

    public var learningRate: Float {
        get { settings.learningRate }
        set { settings.learningRate = newValue }
    }

    /// Names of the moments in a checkpoint.
    static let momentNames = ["first_moment", "second_moment"]

    public var moments: [OptimizerMoments] {
        zip(Self.momentNames, [firstMoments, secondMoments]).map {
            OptimizerMoments(name: $0, parameters: parameters, values: $1)
        }
    }

    public func restore(step: Int, moments: [[Tensor]]) {
        let shapes = firstMoments.map(\.shape)
        precondition(
            moments.count == 2 && moments.allSatisfy { $0.map(\.shape) == shapes },
            "AdamW: the shapes of the restored moments are not those of the pieces")
        self.step = step
        (firstMoments, secondMoments) = (moments[0], moments[1])
    }

    /// Takes one step along the gradients that the parameters hold, and updates the EMAs of the weights, the first of
    /// them in the same pass over memory.
    public func update(gradientScale: Float = 1, averages: [MovingAverage] = []) {
        step += 1
        let coefficients = AdamWCoefficients(
            learningRate: settings.learningRate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon, weightDecay: settings.weightDecay, step: step, gradientScale: gradientScale,
            averageDecay: averages.first?.decay ?? 0)
        for (index, piece) in pieces.enumerated() {
            let (parameter, start) = (parameters[piece.parameter], piece.range.lowerBound)
            guard let gradient = parameter.storedGradient else {
                preconditionFailure("AdamW: no gradient for the parameter \(parameter.name)")
            }
            let place = places[index]
            let averages = averages.filter { place < $0.values.count }
            parameter.modify { weight in
                if let average = averages.first {
                    adamWStep(
                        coefficients, gradient: gradient, weight: &weight, from: start,
                        firstMoment: &firstMoments[index], secondMoment: &secondMoments[index],
                        average: &average.values[place])
                } else {
                    adamWStep(
                        coefficients, gradient: gradient, weight: &weight, from: start,
                        firstMoment: &firstMoments[index], secondMoment: &secondMoments[index])
                }
            }
            for average in averages.dropFirst() {
                follow(parameter.value, from: start, decay: average.decay, average: &average.values[place])
            }
        }
    }
}

/// An exponential moving average (EMA) of a model's weights: average = decay average + (1 - decay) weight after each
/// step.
public final class MovingAverage {
    public var decay: Float
    /// One tensor per piece of the model's parameters, in their order.
    public internal(set) var values: [Tensor]

    /// - Parameters:
    ///   - values: initial values, one tensor per parameter of the model. They are copied.
    ///   - pieces: the elements to average, perhaps also of parameters trained beside the model, which are ignored;
    ///     everything if nil.
    public init(decay: Float, startingFrom values: [Tensor], pieces: [ParameterPiece]? = nil) {
        self.decay = decay
        self.values =
            pieces?.filter { $0.parameter < values.count }.map { $0.copied(from: values[$0.parameter]) }
            ?? values.map { $0.copied() }
    }

    /// - Parameter pieces: the EMA of each piece. The tensors are not copied.
    public init(decay: Float, pieces: [Tensor]) { (self.decay, values) = (decay, pieces) }
}

/// The Euclidean norm of all gradients together, as computed by `torch.nn.utils.clip_grad_norm_`.
public func globalGradientNorm(_ parameters: [Parameter]) -> Double {
    parameters.reduce(0) { sum, parameter in
        sum + (parameter.storedGradient.map { sumOfSquares($0, count: parameter.value.count) } ?? 0)
    }.squareRoot()
}

/// The factor that scales gradients of norm `norm` down to at most `limit`, as in `torch.nn.utils.clip_grad_norm_`.
public func clippingFactor(norm: Double, limit: Double) -> Float {
    Float(min(1, limit / (norm + 1e-6)))
}
