import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// Embedders of the numbers that a model is told besides time and condition. Each adds to the embedding of the time.
///
/// Intervals and strengths are embedded like times; the others by one matrix without a bias. The last layer of each is
/// zero at first, so that a trained model does not change when it is given one.
struct NumberEmbedders: Sendable {
    private let embedders: [(kind: ModelNumber, layers: [Linear])]

    /// - Parameters:
    ///   - root: the scope of the model.
    ///   - kinds: what the model is told.
    ///   - width: token width D.
    init(_ root: ParameterScope, _ kinds: [ModelNumber], width: Int) {
        embedders = kinds.map { kind in
            let scope = root / kind.embedderName
            guard kind.isEmbeddedLikeTime else {
                return (
                    kind,
                    [Linear(scope, inputs: kind.width, outputs: width, bias: false, weightInitializer: .zeros)]
                )
            }
            return (kind, Self.layers(scope, width: width))
        }
    }

    /// The two layers of an embedder of sinusoidal features.
    static func layers(_ scope: ParameterScope, width: Int) -> [Linear] {
        let mlp = scope / "mlp"
        return [
            Linear(mlp / 0, inputs: 256, outputs: width, weightInitializer: .normal(standardDeviation: 0.02)),
            Linear(mlp / 2, inputs: width, outputs: width, weightInitializer: .zeros, biasInitializer: .zeros),
        ]
    }

    /// Number of weights of the two layers; a multiply-add each, but for the biases.
    static func weights(width: CheckedInt, biases: Bool) -> CheckedInt {
        (256 + width) * width + (biases ? 2 * width : 0)
    }

    /// Adds the embeddings of the numbers that come with a condition to that of the time. A number that the model can
    /// be told, but that does not come, adds nothing.
    ///
    /// - Parameters:
    ///   - time: embedding of the time, [B, D].
    ///   - condition: B conditions.
    /// - Returns: [B, D].
    /// - Precondition: the model can be told all numbers of the condition.
    func callAsFunction(_ time: Tensor, _ condition: any Condition) -> Tensor {
        let numbers = condition.numbers
        let known = embedders.map(\.kind)
        precondition(
            numbers.kinds.allSatisfy(known.contains),
            "NumberEmbedders: the numbers \(numbers.kinds) for a model that is told \(known)")
        return embedders.reduce(time) { total, embedder in
            guard let rows = numbers[embedder.kind] else { return total }
            return sum(total, embedding(of: rows, embedder.kind, embedder.layers))
        }
    }

    private func embedding(of rows: [[Float]], _ kind: ModelNumber, _ layers: [Linear]) -> Tensor {
        guard kind.isEmbeddedLikeTime else {
            return layers[0](Tensor(rows.flatMap { $0 }, shape: [rows.count, kind.width]))
        }
        // 1 - 1 / strength keeps strengths within 0 ... 1, where the features of times are made for.
        let values = rows.map { kind == .strength ? 1 - 1 / $0[0] : $0[0] }
        return layers[1](silu(layers[0](timestepFeatures(values))))
    }
}

extension ModelNumber {
    fileprivate var isEmbeddedLikeTime: Bool { self == .interval || self == .strength }

    fileprivate var embedderName: String {
        switch self {
        case .interval: "h_embedder"
        case .strength: "w_embedder"
        case .density: "d_embedder"
        case .augmentation: "a_embedder"
        }
    }
}

extension [ModelNumber] {
    /// The kinds that the model of a checkpoint is told, read off the names of its tensors.
    init(readFrom source: any TensorSource) {
        self = ModelNumber.allCases.filter { kind in
            let weight = kind.isEmbeddedLikeTime ? "mlp.0.weight" : "weight"
            return source.shape(of: "\(kind.embedderName).\(weight)") != nil
        }
    }

    /// Number of weights of the embedders of a model with tokens of a width; a multiply-add each, but for the biases.
    func embedderWeights(tokenWidth width: CheckedInt, biases: Bool) -> CheckedInt {
        reduce(CheckedInt(0)) { total, kind in
            guard kind.isEmbeddedLikeTime else { return total + CheckedInt(kind.width) * width }
            return total + NumberEmbedders.weights(width: width, biases: biases)
        }
    }

    /// A line that says what the model is told; nil if that is nothing besides time and condition.
    var summary: String? { isEmpty ? nil : "told " + map(\.rawValue).joined(separator: ", ") }
}
