/// What was computed from parameters, in order, with the derivative of each operator.
///
/// `@unchecked Sendable`: a tape belongs to the thread that runs `withGradient`; operators use other threads only
/// inside themselves.
package final class Tape: @unchecked Sendable {
    @TaskLocal static var current: Tape?
    /// Whether nothing is recorded only because it is computed again: parameters then know their gradients all the same.
    @TaskLocal static var isRecomputedLater = false

    private struct Entry {
        let name: String
        let output: GradientNode
        /// The parameters among the inputs.
        let parameters: [GradientNode]
        let backward: (Tensor) -> Void
    }

    /// Is told of each parameter whose gradient is complete.
    @TaskLocal fileprivate static var observer: GradientObserver?
    /// Whether weights of linear layers keep their gradients as bf16 where only one product gives them.
    @TaskLocal static var roundsGradients = false

    private var entries: [Entry] = []

    /// Makes `output` remember that it came from `inputs`; a plain tensor where no input has a gradient.
    ///
    /// `backward` gets the derivative of the loss by the output and adds to the nodes of the inputs. It holds what it
    /// needs from the forward pass and is dropped as soon as it has run. `name` is the operator's, for the profile.
    package static func record(
        _ name: String, _ output: Tensor, from inputs: [Tensor], backward: @escaping (Tensor) -> Void
    ) -> Tensor {
        guard inputs.contains(where: { $0.node != nil }), let tape = current else { return output }
        return tape.append(name, output, from: inputs, backward: backward)
    }

    /// The same with what the derivative keeps of the forward pass, which is computed only where it is recorded.
    static func record<Kept>(
        _ name: String, _ output: Tensor, from inputs: [Tensor], keeping kept: @autoclosure () -> Kept,
        backward: @escaping (Tensor, Kept) -> Void
    ) -> Tensor {
        guard inputs.contains(where: { $0.node != nil }), let tape = current else { return output }
        let kept = kept()
        return tape.append(name, output, from: inputs) { backward($0, kept) }
    }

    /// Records an output whatever it came from.
    fileprivate func append(
        _ name: String, _ output: Tensor, from inputs: [Tensor], backward: @escaping (Tensor) -> Void
    ) -> Tensor {
        let node = GradientNode(shape: output.shape)
        let parameters = inputs.compactMap { $0.node?.parameter == nil ? nil : $0.node }
        for parameter in parameters { parameter.uses += 1 }
        entries.append(Entry(name: name, output: node, parameters: parameters, backward: backward))
        return Tensor(shape: output.shape, storage: output.storage, node: node)
    }

    /// Goes back through everything recorded, freeing it on the way.
    func runBackward() {
        while let entry = entries.popLast() {
            if let upstream = entry.output.take() {
                OperatorProfile.begin(entry.name + " backward")
                entry.backward(upstream)
                OperatorProfile.end()
            }
            for node in entry.parameters {
                node.uses -= 1
                if node.uses == 0, let parameter = node.parameter { Self.observer?.completed(parameter) }
            }
        }
    }
}

/// Is told, during a backward pass, of each parameter whose gradient nothing more will be added to.
///
/// `@unchecked Sendable`: only the thread that runs the backward pass touches it.
package final class GradientObserver: @unchecked Sendable {
    private let isComplete: (Parameter) -> Void

    package init(_ isComplete: @escaping (Parameter) -> Void) { self.isComplete = isComplete }

    fileprivate func completed(_ parameter: Parameter) {
        guard parameter.hasGradient else { return }
        parameter.isComplete = true
        isComplete(parameter)
    }
}

/// Computes `body`, then adds the gradient of its result to every parameter that it used.
///
/// - Parameters:
///   - upstream: the derivative of the loss by the result; ones where nil.
///   - body: computes a result from parameters.
/// - Returns: the result, without a gradient.
@discardableResult
public func withGradient(upstream: Tensor? = nil, _ body: () throws -> Tensor) rethrows -> Tensor {
    let tape = Tape()
    let result = try Tape.$current.withValue(tape) { try body() }
    result.node?.add(upstream ?? Tensor(repeating: 1, shape: result.shape))
    tape.runBackward()
    return result.detached
}

/// The same, and tells `observer` of each parameter's gradient as soon as it is complete: in the last of the passes whose
/// gradients are added.
///
/// - Parameter rounds: whether gradients of the weights of linear layers are kept as bf16, in half the memory. They are
///   summed in float32 all the same, and what is added to one makes it float32.
@discardableResult
package func withGradient(
    upstream: Tensor?, observer: GradientObserver?, rounds: Bool = false, _ body: () throws -> Tensor
) rethrows -> Tensor {
    try Tape.$observer.withValue(observer) {
        try Tape.$roundsGradients.withValue(rounds) { try withGradient(upstream: upstream, body) }
    }
}

/// Computes `body` without keeping what its derivative needs; the backward pass computes it once more.
///
/// Inside, only `inputs` and parameters carry gradients. (Chen et al., "Training deep nets with sublinear memory
/// cost", arXiv 1604.06174.)
public func recomputed(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
    guard let outer = Tape.current else { return body(inputs) }
    let detached = inputs.map(\.detached)
    let output = Tape.$current.withValue(nil) { Tape.$isRecomputedLater.withValue(true) { body(detached) } }
    return outer.append("recomputed", output, from: []) { upstream in
        let leaves = detached.map { Parameter(name: "input", value: $0) }
        withGradient(upstream: upstream) { body(leaves.map(\.tensor)) }
        for (input, leaf) in zip(inputs, leaves) {
            if let gradient = leaf.gradient { input.node?.add(gradient) }
        }
    }
}
