import CPixNerdKernels

/// A weight of a model: a name, a value, and the gradient that the last backward pass left.
///
/// `@unchecked Sendable`: a parameter is written only between steps, by the thread that trains.
public final class Parameter: @unchecked Sendable {
    /// The published name, such as `blocks.0.attn.qkv.weight`.
    public let name: String
    public var value: Tensor {
        didSet { roundedValuePlace = nil }
    }
    private(set) lazy var node = GradientNode(shape: value.shape, parameter: self)
    /// Whether the gradient was said to be complete: nothing may be added to it.
    var isComplete = false
    /// Memory for the gradient as float32.
    private var buffer: Tensor?
    /// Memory for the gradient as bf16 (`Tape.roundsGradients`).
    private var roundedBuffer: RoundedStorage?
    private enum Place { case buffer, roundedBuffer }
    /// Where the gradient is; nil where none came.
    private var gradientPlace: Place?
    /// Where the value is as bf16, before the gradient comes.
    private var roundedValuePlace: Place?

    var hasGradient: Bool { gradientPlace != nil }

    public init(name: String, value: Tensor) {
        self.name = name
        self.value = value
    }

    /// The sum of all gradients since `clearGradient`, a copy where it is kept as bf16; nil where none came.
    public var gradient: Tensor? { storedGradient?.tensor(shape: value.shape) }

    /// The same as it is kept, until `clearGradient`: then its memory is used again.
    package var storedGradient: StoredGradient? {
        switch gradientPlace {
        case .buffer: buffer.map { .float32($0) }
        case .roundedBuffer: roundedBuffer.map { .bfloat16($0) }
        case nil: nil
        }
    }

    /// Forgets the gradient; its memory is kept for the next one.
    public func clearGradient() { (gradientPlace, isComplete) = (nil, false) }

    /// Lets gradients be gathered in memory of the caller's, of the value's shape, from the next one on.
    package func gatherGradient(in memory: Tensor) {
        precondition(memory.shape == value.shape, "gradient: \(memory.shape) is no place for that of \(value.shape)")
        (buffer, roundedValuePlace) = (memory, nil)
        clearGradient()
    }

    /// Changes the value in place. (Through `value` itself, code outside this module would change a copy of it.)
    @discardableResult
    public func modify<R>(_ body: (inout Tensor) throws -> R) rethrows -> R { try body(&value) }

    /// Says that the memory of the value was written by someone else.
    package func valueWasWritten() {
        value.forgetCopies()
        roundedValuePlace = nil
    }

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

    /// The memory for the gradient as float32, a copy where someone else still holds it.
    private func memory() -> UnsafeMutablePointer<Float> {
        var memory = buffer ?? Tensor(uninitialized: value.shape)
        // Held here alone, so that it is not copied.
        buffer = nil
        let pointer = memory.uniquePointer()
        buffer = memory
        return pointer
    }

    /// Lets `write` add to the gradient; see `GradientNode.accumulate`.
    fileprivate func accumulate(_ write: (UnsafeMutablePointer<Float>, _ beta: Float) -> Void) {
        precondition(!isComplete, "gradient: \(name) gets more after it was complete")
        let pointer = memory()
        if case .bfloat16(let rounded) = storedGradient {
            // What more is added is added in float32.
            pn_bfloat16_to_float(value.count, rounded.pointer, pointer)
        }
        write(pointer, hasGradient ? 1 : 0)
        (gradientPlace, roundedValuePlace) = (.buffer, nil)
    }

    /// Lets `write` give all of the gradient as bf16; false where it is to be float32, or where there is some already.
    fileprivate func setRounded(_ write: (UnsafeMutablePointer<BFloat16>) -> Void) -> Bool {
        guard Tape.roundsGradients, !hasGradient else { return false }
        write(roundedMemory().pointer)
        (gradientPlace, roundedValuePlace) = (.roundedBuffer, nil)
        return true
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
    unowned let parameter: Parameter?
    private var own: Tensor?
    /// Of a parameter: how many operators on tapes took it and have not gone back yet.
    var uses = 0

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
                        pn_accumulate(range.count, source, target)
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
        parameter.accumulate(write)
    }

    /// Lets `write` give the gradient of a parameter as bf16; false where that is not wanted (`Tape.roundsGradients`) or some
    /// is there already, and `accumulate` is to be called instead.
    func setRounded(_ write: (UnsafeMutablePointer<BFloat16>) -> Void) -> Bool { parameter?.setRounded(write) ?? false }

    /// Lets `write` add to the gradient in place, which starts from zero.
    func accumulateFromZero(_ write: (UnsafeMutablePointer<Float>) -> Void) {
        accumulate { pointer, beta in
            if beta == 0 { pointer.update(repeating: 0, count: shape.reduce(1, *)) }
            write(pointer)
        }
    }
}

/// The gradient of a parameter as it is kept.
package enum StoredGradient {
    case float32(Tensor)
    case bfloat16(RoundedStorage)

    /// Lends elements as float32: themselves, or widened.
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
