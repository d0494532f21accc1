import PixNerdTensors

/// What moves weights along their gradients: AdamW, or Muon with AdamW beside it.
public protocol Optimizer: AnyObject {
    /// All trained parameters.
    var parameters: [Parameter] { get }
    /// The elements that this process updates, in the order of the parameters: all of them, unless processes share the
    /// update.
    var pieces: [ParameterPiece] { get }
    /// Number of steps taken so far.
    var step: Int { get }
    var learningRate: Float { get set }
    /// The tensors that are kept from step to step, in the order of `OptimizerKind.moments`.
    var moments: [OptimizerMoments] { get }

    /// Restores the state of a saved optimizer.
    ///
    /// - Parameter moments: the values of `moments`, of the same shapes.
    func restore(step: Int, moments: [[Tensor]])

    /// Takes one step along the gradients that the parameters hold, and updates the EMAs of the weights.
    ///
    /// - Parameters:
    ///   - gradientScale: a factor for all gradients, from clipping.
    ///   - averages: EMAs to update. They cover the first parameters only. Parameters trained beside a model, such as
    ///     those of a projector, come after these and have no EMA.
    func update(gradientScale: Float, averages: [MovingAverage])
}

/// Tensors that an optimizer keeps from step to step, one for each of some parameters, or for each of their pieces.
public struct OptimizerMoments {
    /// Name, such as `first_moment`.
    public let name: String
    public let parameters: [Parameter]
    public let values: [Tensor]
}

/// The kind of an optimizer.
public enum OptimizerKind: String, Sendable, CaseIterable, Codable {
    case adamw
    case muon

    /// The tensors that such an optimizer keeps: their names, and the indices of the parameters that have one.
    ///
    /// - Parameter matrices: the parameters that Muon trains. AdamW trains all.
    public func moments(of parameters: [Parameter], matrices: [Parameter]) -> [(name: String, places: [Int])] {
        let chosen = Set(self == .muon ? matrices.map(ObjectIdentifier.init) : [])
        let isMatrix = parameters.map { chosen.contains(ObjectIdentifier($0)) }
        let others = parameters.indices.filter { !isMatrix[$0] }
        let ofAdamW = AdamW.momentNames.map { (name: $0, places: others) }
        return self == .adamw
            ? ofAdamW : ofAdamW + [(name: Muon.momentName, places: parameters.indices.filter { isMatrix[$0] })]
    }
}
