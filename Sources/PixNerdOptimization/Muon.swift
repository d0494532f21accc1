import PixNerdDistributed
import PixNerdTensors

/// Muon for matrices, and AdamW for all other parameters (Jordan et al., "Muon: An optimizer for hidden layers in neural
/// networks", 2024).
///
/// A matrix moves along its momentum with all singular values brought to about 1, times 0.2 sqrt(longer side), so that
/// its steps are about as long as AdamW's and take the learning rate and weight decay of AdamW (Liu et al., arXiv
/// 2502.16982, section 2.2).
///
/// Where several processes train together, each computes the directions of some matrices and sends them to the others,
/// so that all have the same weights.
public final class Muon: Optimizer {
    public let parameters: [Parameter]
    public var pieces: [ParameterPiece] { ParameterPiece.whole(parameters) }
    /// Decay of the momentum, 0 ..< 1.
    private let momentumDecay: Float
    /// The optimizer of the parameters that are not in `matrices`.
    private let adamW: AdamW
    /// Indices of the matrices among the parameters.
    private let matrices: [Int]
    /// Running averages of the gradients, one for each matrix.
    private var momenta: [Tensor]
    /// Indices in `matrices` by falling cost, so that processes take matrices of equal cost at a time.
    private let order: [Int]
    private let communicator: Communicator

    /// Name of the momentum in a checkpoint.
    static let momentName = "momentum"

    /// - Parameters:
    ///   - parameters: all trained parameters.
    ///   - matrices: the parameters that Muon trains, of two axes each.
    ///   - settings: settings of AdamW; Muon uses the learning rate and the weight decay.
    ///   - momentumDecay: decay of the momentum, 0 ..< 1.
    public init(
        _ parameters: [Parameter], matrices: [Parameter], settings: AdamW.Settings, momentumDecay: Float = 0.95,
        communicator: Communicator = .alone
    ) {
        precondition(
            matrices.allSatisfy { $0.value.shape.count == 2 },
            "Muon: not a matrix: \(matrices.first { $0.value.shape.count != 2 }?.name ?? "")")
        let places = OptimizerKind.muon.moments(of: parameters, matrices: matrices).map(\.places)
        let (others, chosen) = (places[0], places[2])
        let pieces = ParameterPiece.whole(others.map { parameters[$0] })
        self.parameters = parameters
        self.momentumDecay = momentumDecay
        self.communicator = communicator
        self.matrices = chosen
        adamW = AdamW(others.map { parameters[$0] }, settings: settings, pieces: pieces, places: others)
        momenta = chosen.map { Tensor(zeros: parameters[$0].value.shape) }
        let costs = chosen.map { place in
            let shape = parameters[place].value.shape
            return Self.multiplyAdds(rows: shape[0], columns: shape[1])
        }
        order = costs.indices.sorted { (-costs[$0], $0) < (-costs[$1], $1) }
    }

    /// Multiply-adds of a step for a matrix, whatever the batch.
    public static func multiplyAdds(rows: Int, columns: Int) -> Double {
        let (short, long) = (Double(min(rows, columns)), Double(max(rows, columns)))
        return Double(newtonSchulzSteps) * short * short * (2 * long + short)
    }

    public var step: Int { adamW.step }

    public var learningRate: Float {
        get { adamW.learningRate }
        set { adamW.learningRate = newValue }
    }

    public var moments: [OptimizerMoments] {
        adamW.moments + [
            OptimizerMoments(name: Self.momentName, parameters: matrices.map { parameters[$0] }, values: momenta)
        ]
    }

    public func restore(step: Int, moments: [[Tensor]]) {
        precondition(
            moments.count == 3 && moments[2].map(\.shape) == momenta.map(\.shape),
            "Muon: the shapes of the restored momenta are not those of the matrices")
        adamW.restore(step: step, moments: Array(moments[..<2]))
        momenta = moments[2]
    }

    public func update(gradientScale: Float = 1, averages: [MovingAverage] = []) {
        adamW.update(gradientScale: gradientScale, averages: averages)
        for start in stride(from: 0, to: order.count, by: communicator.size) {
            let round = order[start..<min(start + communicator.size, order.count)]
            var directions = round.enumerated().map { rank, matrix in
                let direction = followGradient(of: matrix, gradientScale)
                return rank == communicator.rank ? orthogonalized(direction) : direction
            }
            for (rank, matrix) in round.enumerated() {
                directions[rank].withUnsafeMutableBuffer {
                    communicator.broadcast(UnsafeMutableRawBufferPointer($0), from: rank)
                }
                move(matrix, along: directions[rank], averages)
            }
        }
    }

    /// Updates the momentum of a matrix; returns the direction before its singular values are changed.
    private func followGradient(of matrix: Int, _ gradientScale: Float) -> Tensor {
        let parameter = parameters[matrices[matrix]]
        guard let gradient = parameter.storedGradient else {
            preconditionFailure("Muon: no gradient for the parameter \(parameter.name)")
        }
        return nesterovStep(
            gradient: gradient, gradientScale: gradientScale, decay: momentumDecay, momentum: &momenta[matrix])
    }

    private func move(_ matrix: Int, along direction: Tensor, _ averages: [MovingAverage]) {
        let place = matrices[matrix]
        let (rate, parameter) = (Double(learningRate), parameters[place])
        let scale = 0.2 * Double(direction.shape.max()!).squareRoot()
        parameter.modify {
            decayedStep(
                weight: &$0, keep: Float(1 - rate * Double(adamW.settings.weightDecay)), stepSize: Float(rate * scale),
                direction: direction)
        }
        for average in averages where place < average.values.count {
            follow(parameter.value, decay: average.decay, average: &average.values[place])
        }
    }
}
