import CPixNerdKernels

/// A weight of a model: a name, a value, and the gradient of the last backward pass.
///
/// `@unchecked Sendable`: a parameter is written only between steps, by the thread that trains.
public final class Parameter: @unchecked Sendable {
    /// Published name, such as `blocks.0.attn.qkv.weight`.
    public let name: String
    public var value: Tensor {
        didSet { roundedValuePlace = nil }
    }
    /// What of the parameter a backward pass gives gradients to.
    public var training = ParameterTraining.whole
    private(set) lazy var node = GradientNode(shape: value.shape, parameter: self)
    /// Whether the gradient was reported as complete. Nothing may be added to it then.
    var isComplete = false
    /// Memory for the gradient as float32. Before the gradient is computed it may hold the value as bf16.
    private var buffer: Tensor?
    /// Memory for the gradient as bf16 (`Tape.roundsGradients`). Before the gradient is computed it may hold the value
    /// as bf16.
    private var roundedBuffer: RoundedStorage?
    private enum Place { case buffer, roundedBuffer }
    /// Memory that holds the gradient; nil if there is none.
    private var gradientPlace: Place?
    /// Memory that holds the value as bf16, until the gradient is written there.
    private var roundedValuePlace: Place?

    var hasGradient: Bool { gradientPlace != nil }

    public init(name: String, value: Tensor) {
        self.name = name
        self.value = value
    }

    /// Sum of all gradients since `clearGradient`, copied if it is stored as bf16; nil if there was none.
    public var gradient: Tensor? { storedGradient?.tensor(shape: value.shape) }

    /// Gradient as it is stored; nil if there is none. Valid until `clearGradient`, after which its memory is reused.
    package var storedGradient: StoredGradient? {
        switch gradientPlace {
        case .buffer: buffer.map { .float32($0) }
        case .roundedBuffer: roundedBuffer.map { .bfloat16($0) }
        case nil: nil
        }
    }

    /// Discards the gradient and keeps its memory for the next one.
    public func clearGradient() { (gradientPlace, isComplete) = (nil, false) }

    /// Stores gradients in memory of the caller, of the shape of the value, from the next gradient on.
    package func gatherGradient(in memory: Tensor) {
        precondition(
            memory.shape == value.shape,
            "gradient: memory of shape \(memory.shape) does not fit a value of \(value.shape)")
        (buffer, roundedValuePlace) = (memory, nil)
        clearGradient()
    }

    /// Changes the value in place. (Assigning through `value` from another module would copy it: see
    /// docs/workarounds.md.)
    @discardableResult
    public func modify<R>(_ body: (inout Tensor) throws -> R) rethrows -> R { try body(&value) }

    /// Invalidates cached copies after someone else wrote to the memory of the value.
    package func valueWasWritten() {
        value.forgetCopies()
        roundedValuePlace = nil
    }

    /// Moves the value into memory of the caller.
    package func move(to memory: FlatMemory, at offset: Int) {
        let place = memory.tensor(at: offset, shape: value.shape)
        place.storage.pointer.update(from: value.pointer, count: value.count)
        value = place
    }

    /// Value as bf16, stored in the memory of its gradient; nil once the gradient is there.
    ///
    /// It takes no memory of its own. The backward pass reads it to compute the input gradient before it writes the
    /// weight gradient.
    fileprivate func roundedInGradient() -> Rounded<BFloat16>? {
        guard !hasGradient else { return nil }
        let place: Place = Tape.roundsGradients ? .roundedBuffer : .buffer
        let pointer =
            switch place {
            case .buffer: UnsafeMutableRawPointer(memory()).assumingMemoryBound(to: BFloat16.self)
            case .roundedBuffer: roundedMemory().pointer
            }
        if roundedValuePlace != place { roundToBFloat16(value.pointer, count: value.count, into: pointer) }
        roundedValuePlace = place
        return Rounded(pointer: pointer, owner: self)
    }

    private func roundedMemory() -> RoundedStorage {
        let memory = roundedBuffer ?? RoundedStorage(count: value.count)
        roundedBuffer = memory
        return memory
    }

    /// Memory for the gradient as float32, copied if someone else still holds it.
    private func memory() -> UnsafeMutablePointer<Float> {
        var memory = buffer ?? Tensor(uninitialized: value.shape)
        // The only reference, so that it is not copied.
        buffer = nil
        let pointer = memory.uniquePointer()
        buffer = memory
        return pointer
    }

    /// Adds to the gradient in place; see `GradientNode.accumulate`.
    fileprivate func accumulate(_ write: (UnsafeMutablePointer<Float>, _ beta: Float) -> Void) {
        precondition(!isComplete, "gradient: \(name) gets another gradient after it was complete")
        let pointer = memory()
        if case .bfloat16(let rounded) = storedGradient {
            // Further gradients are added in float32.
            pn_bfloat16_to_float(value.count, rounded.pointer, pointer)
        }
        write(pointer, hasGradient ? 1 : 0)
        (gradientPlace, roundedValuePlace) = (.buffer, nil)
    }

    /// Stores the whole gradient as bf16.
    ///
    /// - Returns: false, without calling `write`, if gradients are stored as float32 or there is a gradient already.
    fileprivate func setRounded(_ write: (UnsafeMutablePointer<BFloat16>) -> Void) -> Bool {
        guard Tape.roundsGradients, !hasGradient else { return false }
        write(roundedMemory().pointer)
        (gradientPlace, roundedValuePlace) = (.roundedBuffer, nil)
        return true
    }

    /// The value for operators. Inside `withGradient` it collects a gradient.
    public var tensor: Tensor {
        guard Tape.current != nil || Tape.isRecomputedLater else { return value }
        switch training {
        case .whole: return Tensor(shape: value.shape, storage: value.storage, node: node)
        case .nothing: return value
        case .through(let link):
            guard Tape.current == nil else { return link(value) }
            // A pass that is repeated later only has to know that there will be a gradient.
            return Tensor(shape: value.shape, storage: value.storage, node: GradientNode(shape: value.shape))
        }
    }
}

/// What of a parameter is trained.
public enum ParameterTraining: Sendable {
    case whole
    /// Nothing: the value is a constant.
    case nothing
    /// Other parameters, which the value follows from.
    ///
    /// The closure takes the value and returns it in the same memory, as an operator over these parameters.
    case through(@Sendable (_ value: Tensor) -> Tensor)
}

/// Collects the gradient of one tensor during the backward pass.
///
/// `@unchecked Sendable`: only the thread that runs the backward pass uses it.
package final class GradientNode: @unchecked Sendable {
    let shape: [Int]
    unowned let parameter: Parameter?
    private var own: Tensor?
    /// For a parameter: number of recorded operators that use it and whose backward pass has not run yet.
    var uses = 0

    init(shape: [Int], parameter: Parameter? = nil) {
        self.shape = shape
        self.parameter = parameter
    }

    /// Value of the parameter as bf16, in the memory of its gradient; nil if that is in use or this is no parameter.
    func roundedParameter() -> Rounded<BFloat16>? { parameter?.roundedInGradient() }

    /// Removes and returns the gradient; nil if there was none.
    func take() -> Tensor? {
        defer { own = nil }
        return own
    }

    /// Adds a gradient of the shape of the tensor.
    package func add(_ gradient: Tensor) {
        precondition(gradient.shape == shape, "gradient: shape \(gradient.shape) for a tensor of \(shape)")
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
                        pn_accumulate(range.count, source, target)
                    }
                }
            }
        }
    }

    /// Adds to the gradient in place.
    ///
    /// - Parameter write: computes `new + beta * old`. Beta is 0 for the first contribution, when the memory must not
    ///   be read, and 1 after that.
    func accumulate(_ write: (UnsafeMutablePointer<Float>, _ beta: Float) -> Void) {
        guard let parameter else {
            let beta: Float = own == nil ? 0 : 1
            var gradient = own ?? Tensor(uninitialized: shape)
            own = nil
            write(gradient.uniquePointer(), beta)
            own = gradient
            return
        }
        parameter.accumulate(write)
    }

    /// Stores the gradient of a parameter as bf16.
    ///
    /// - Returns: false, without calling `write`, if gradients are stored as float32 (`Tape.roundsGradients`) or there
    ///   is a gradient already. Use `accumulate` then.
    func setRounded(_ write: (UnsafeMutablePointer<BFloat16>) -> Void) -> Bool { parameter?.setRounded(write) ?? false }

    /// Adds to the gradient in place, which is set to zero before the first contribution.
    func accumulateFromZero(_ write: (UnsafeMutablePointer<Float>) -> Void) {
        accumulate { pointer, beta in
            if beta == 0 { pointer.update(repeating: 0, count: shape.reduce(1, *)) }
            write(pointer)
        }
    }
}

/// The gradient of a parameter as it is stored.
package enum StoredGradient {
    case float32(Tensor)
    case bfloat16(RoundedStorage)

    /// Calls `body` with a range of elements as float32, converted if they are bf16.
    func withElements(_ range: Range<Int>, _ body: (UnsafePointer<Float>) -> Void) {
        switch self {
        case .float32(let tensor): body(tensor.pointer + range.lowerBound)
        case .bfloat16(let storage):
            withWorkspace(range.count) { room in
                body(BFloat16.widened(storage.pointer + range.lowerBound, count: range.count, in: room))
            }
        }
    }

    fileprivate func tensor(shape: [Int]) -> Tensor {
        switch self {
        case .float32(let tensor): return tensor
        case .bfloat16(let storage):
            let tensor = Tensor(uninitialized: shape)
            pn_bfloat16_to_float(tensor.count, storage.pointer, tensor.storage.pointer)
            return tensor
        }
    }
}
