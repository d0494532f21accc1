import CVectorKernels

/// A weight of a model: a name, a value, and the gradient that the last backward pass left.
///
/// `@unchecked Sendable`: a parameter is written only between steps, by the thread that trains.
public final class Parameter: @unchecked Sendable {
    /// The published name, such as `blocks.0.attn.qkv.weight`.
    public let name: String
    public var value: Tensor {
        didSet { gradientHoldsRoundedValue = false }
    }
    private(set) lazy var node = GradientNode(shape: value.shape, parameter: self)
    fileprivate var gradientBuffer: Tensor?
    fileprivate var hasGradient = false
    /// Whether the gradient was said to be complete: nothing may be added to it.
    fileprivate var isComplete = false
    /// Whether the memory of the gradient, before one comes, holds the value as bf16.
    fileprivate var gradientHoldsRoundedValue = false

    public init(name: String, value: Tensor) {
        self.name = name
        self.value = value
    }

    /// The sum of all gradients since `clearGradient`; nil where none came.
    public var gradient: Tensor? { hasGradient ? gradientBuffer : nil }

    /// Forgets the gradient; its memory is kept for the next one.
    public func clearGradient() { (hasGradient, isComplete) = (false, false) }

    /// Lets gradients be gathered in memory of the caller's, of the value's shape, from the next one on.
    package func gatherGradient(in memory: Tensor) {
        precondition(memory.shape == value.shape, "gradient: \(memory.shape) is no place for that of \(value.shape)")
        (gradientBuffer, gradientHoldsRoundedValue) = (memory, false)
        clearGradient()
    }

    /// Changes the value in place. (Through `value` itself, code outside this module would change a copy of it.)
    @discardableResult
    public func modify<R>(_ body: (inout Tensor) throws -> R) rethrows -> R { try body(&value) }

    /// Moves the value into memory of the caller's.
    package func move(to memory: FlatMemory, at offset: Int) {
        let place = memory.tensor(at: offset, shape: value.shape)
        place.storage.pointer.update(from: value.pointer, count: value.count)
        value = place
    }

    /// The value as bf16, in the memory where its gradient will be; nil once that has come.
    ///
    /// So it takes no memory of its own. The backward pass reads it for the derivative by the input, before it writes that
    /// by the weight.
    fileprivate func roundedInGradient() -> Rounded<BFloat16>? {
        guard !hasGradient else { return nil }
        var buffer = gradientBuffer ?? Tensor(uninitialized: value.shape)
        gradientBuffer = nil
        let place = UnsafeMutableRawPointer(buffer.uniquePointer()).assumingMemoryBound(to: BFloat16.self)
        if !gradientHoldsRoundedValue { roundToBFloat16(value.pointer, count: value.count, into: place) }
        gradientBuffer = buffer
        gradientHoldsRoundedValue = true
        return Rounded(pointer: place, owner: self)
    }

    /// The value as operators take it: inside `withGradient` it gathers a gradient.
    public var tensor: Tensor {
        guard Tape.current != nil || Tape.isRecomputedLater else { return value }
        return Tensor(shape: value.shape, storage: value.storage, node: node)
    }
}

/// Where the gradient of one tensor is summed up during the backward pass.
///
/// `@unchecked Sendable`: only the thread that runs the backward pass touches it.
package final class GradientNode: @unchecked Sendable {
    let shape: [Int]
    fileprivate unowned let parameter: Parameter?
    private var own: Tensor?
    /// Of a parameter: how many operators on tapes took it and have not gone back yet.
    fileprivate var uses = 0

    init(shape: [Int], parameter: Parameter? = nil) {
        self.shape = shape
        self.parameter = parameter
    }

    /// The value of the parameter whose gradient this is as bf16, where its gradient's memory has room for it.
    func roundedParameter() -> Rounded<BFloat16>? { parameter?.roundedInGradient() }

    /// Takes the gradient out; nil if nothing came.
    func take() -> Tensor? {
        defer { own = nil }
        return own
    }

    /// Adds a gradient.
    package func add(_ gradient: Tensor) {
        precondition(gradient.shape == shape, "gradient: shape \(gradient.shape) came for a tensor of \(shape)")
        if parameter == nil, own == nil {
            own = gradient
            return
        }
        accumulate { pointer, beta in
            gradient.withUnsafeBuffer { from in
                parallelChunks(from.count, of: elementsPerChunk) { range in
                    let source = from.baseAddress! + range.lowerBound
                    let target = pointer + range.lowerBound
                    if beta == 0 {
                        target.update(from: source, count: range.count)
                    } else {
                        vector_add(range.count, source, target)
                    }
                }
            }
        }
    }

    /// Lets `write` add to the gradient in place: it computes `new + beta * old`, where beta is 0 for the first
    /// contribution (the memory then holds nothing to be read) and 1 after that.
    func accumulate(_ write: (UnsafeMutablePointer<Float>, _ beta: Float) -> Void) {
        guard let parameter else {
            let beta: Float = own == nil ? 0 : 1
            var gradient = own ?? Tensor(uninitialized: shape)
            own = nil
            write(gradient.uniquePointer(), beta)
            own = gradient
            return
        }
        precondition(!parameter.isComplete, "gradient: \(parameter.name) gets more after it was complete")
        let beta: Float = parameter.hasGradient ? 1 : 0
        parameter.gradientHoldsRoundedValue = false
        var gradient = parameter.gradientBuffer ?? Tensor(uninitialized: shape)
        parameter.gradientBuffer = nil
        write(gradient.uniquePointer(), beta)
        parameter.gradientBuffer = gradient
        parameter.hasGradient = true
    }

    /// Lets `write` add to the gradient in place, which starts from zero.
    func accumulateFromZero(_ write: (UnsafeMutablePointer<Float>) -> Void) {
        accumulate { pointer, beta in
            if beta == 0 { pointer.update(repeating: 0, count: shape.reduce(1, *)) }
            write(pointer)
        }
    }
}

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
@discardableResult
package func withGradient(
    upstream: Tensor?, observer: GradientObserver?, _ body: () throws -> Tensor
) rethrows -> Tensor {
    try Tape.$observer.withValue(observer) { try withGradient(upstream: upstream, body) }
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
