/// A record of everything computed from parameters, in order, with the derivative of each operator.
///
/// `@unchecked Sendable`: a tape belongs to the thread that runs `withGradient`. Operators use other threads only
/// internally.
package final class Tape: @unchecked Sendable {
    @TaskLocal static var current: Tape?
    /// Whether the current pass is not recorded because the backward pass will repeat it. Parameters then still provide
    /// their gradient nodes.
    @TaskLocal static var isRecomputedLater = false

    private struct Entry {
        let name: String
        let output: GradientNode
        /// The parameters among the inputs.
        let parameters: [GradientNode]
        let backward: (Tensor) -> Void
    }

    /// Receives each parameter whose gradient is complete.
    @TaskLocal fileprivate static var observer: GradientObserver?
    /// Whether gradients of the weights of linear layers are stored as bf16, if a single matmul produces them.
    @TaskLocal static var roundsGradients = false

    private var entries: [Entry] = []

    /// Records `output` with its derivative. Returns a plain tensor if no input has a gradient.
    ///
    /// - Parameters:
    ///   - name: the operator's name in the profile.
    ///   - backward: gets the derivative of the loss with respect to the output and adds to the nodes of the inputs. It
    ///     holds what it needs from the forward pass, and is released as soon as it has run.
    package static func record(
        _ name: String, _ output: Tensor, from inputs: [Tensor], backward: @escaping (Tensor) -> Void
    ) -> Tensor {
        guard inputs.contains(where: { $0.node != nil }), let tape = current else { return output }
        return tape.append(name, output, from: inputs, backward: backward)
    }

    /// Records `output` with a derivative that keeps values of the forward pass.
    ///
    /// - Parameter kept: the values to keep. They are computed only if the operator is recorded.
    static func record<Kept>(
        _ name: String, _ output: Tensor, from inputs: [Tensor], keeping kept: @autoclosure () -> Kept,
        backward: @escaping (Tensor, Kept) -> Void
    ) -> Tensor {
        guard inputs.contains(where: { $0.node != nil }), let tape = current else { return output }
        let kept = kept()
        return tape.append(name, output, from: inputs) { backward($0, kept) }
    }

    /// Records an output regardless of its inputs.
    fileprivate func append(
        _ name: String, _ output: Tensor, from inputs: [Tensor], backward: @escaping (Tensor) -> Void
    ) -> Tensor {
        let node = GradientNode(shape: output.shape)
        let parameters = inputs.compactMap { $0.node?.parameter == nil ? nil : $0.node }
        for parameter in parameters { parameter.uses += 1 }
        entries.append(Entry(name: name, output: node, parameters: parameters, backward: backward))
        return Tensor(shape: output.shape, storage: output.storage, node: node)
    }

    /// Runs the backward pass, releasing records on the way.
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

/// Receives, during a backward pass, each parameter whose gradient is complete.
///
/// `@unchecked Sendable`: only the thread that runs the backward pass uses it.
package final class GradientObserver: @unchecked Sendable {
    private let isComplete: (Parameter) -> Void

    package init(_ isComplete: @escaping (Parameter) -> Void) { self.isComplete = isComplete }

    fileprivate func completed(_ parameter: Parameter) {
        guard parameter.hasGradient else { return }
        parameter.isComplete = true
        isComplete(parameter)
    }
}

/// Runs `body`, then adds the gradient of its result to every parameter that it used.
///
/// - Parameters:
///   - upstream: the derivative of the loss with respect to the result; ones if nil.
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

/// Runs `body`, adds the gradient of its result to every parameter that it used, and reports complete gradients.
///
/// - Parameters:
///   - upstream: the derivative of the loss with respect to the result; ones if nil.
///   - observer: receives each parameter as soon as its gradient is complete. Pass it to the last of several passes
///     whose gradients are added.
///   - rounds: whether gradients of the weights of linear layers are stored as bf16, in half the memory. They are still
///     summed in float32, and adding to a stored gradient makes it float32.
///   - body: computes a result from parameters.
/// - Returns: the result, without a gradient.
@discardableResult
package func withGradient(
    upstream: Tensor?, observer: GradientObserver?, rounds: Bool = false, _ body: () throws -> Tensor
) rethrows -> Tensor {
    try Tape.$observer.withValue(observer) {
        try Tape.$roundsGradients.withValue(rounds) { try withGradient(upstream: upstream, body) }
    }
}

/// Runs `body` without keeping what its derivative needs. The backward pass runs it once more.
///
/// Inside, only `inputs` and parameters carry gradients. (Chen et al., "Training deep nets with sublinear memory cost",
/// arXiv 1604.06174.)
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
