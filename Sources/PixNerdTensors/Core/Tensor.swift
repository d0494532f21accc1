import CPixNerdKernels

/// A dense, row-major array of float32 with a shape.
///
/// A value type: copies share memory until one of them is written. Images are [B, C, H, W], tokens [B, N, D], weights
/// of linear layers [out, in], as in PyTorch. A tensor computed from parameters inside `withGradient` remembers how to
/// propagate its gradient.
public struct Tensor: Sendable {
    public let shape: [Int]
    private(set) var storage: Storage
    /// Collects the gradient of this tensor; nil outside `withGradient` and for constants.
    package let node: GradientNode?

    init(shape: [Int], storage: Storage, node: GradientNode? = nil) {
        self.shape = shape
        self.storage = storage
        self.node = node
    }

    /// A tensor of elements in bf16, which become float32 when they are first read as such.
    init(rounded: RoundedStorage, shape: [Int]) {
        self.init(shape: shape, storage: Storage(rounded: rounded, count: shape.reduce(1, *)))
    }

    /// A tensor whose elements the caller writes before anything reads them.
    public init(uninitialized shape: [Int]) {
        precondition(shape.allSatisfy { $0 > 0 }, "Tensor: shape \(shape) has a dimension that is not positive")
        self.init(shape: shape, storage: Storage(count: shape.reduce(1, *)))
    }

    public init(zeros shape: [Int]) {
        self.init(repeating: 0, shape: shape)
    }

    public init(repeating value: Float, shape: [Int]) {
        self.init(uninitialized: shape)
        storage.pointer.update(repeating: value, count: count)
    }

    /// - Precondition: `values` has as many elements as the shape.
    public init(_ values: [Float], shape: [Int]) {
        self.init(uninitialized: shape)
        precondition(values.count == count, "Tensor: \(values.count) values do not fill the shape \(shape)")
        values.withUnsafeBufferPointer { storage.pointer.update(from: $0.baseAddress!, count: count) }
    }

    /// A tensor over memory that `owner` keeps alive, such as a mapped file. It is copied before it is written.
    public init(borrowing pointer: UnsafePointer<Float>, shape: [Int], owner: AnyObject) {
        self.init(shape: shape, storage: Storage(borrowing: pointer, count: shape.reduce(1, *), owner: owner))
    }

    /// Whether the elements are there in bf16 only.
    var isRounded: Bool { storage.isRounded }

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }

    /// A copy of the elements in row-major order.
    public var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// The single element of a tensor.
    ///
    /// - Precondition: the tensor has one element.
    public var scalar: Float {
        precondition(count == 1, "scalar: a tensor of shape \(shape) has more than one element")
        return pointer[0]
    }

    /// Pointer for reading, valid while this tensor lives.
    var pointer: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

    /// Calls `body` with the elements, for reading in place.
    public func withUnsafeBuffer<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        try withExtendedLifetime(storage) { try body(UnsafeBufferPointer(start: pointer, count: count)) }
    }

    /// Calls `body` with the elements, for writing in place. Copies them first if the memory is shared or borrowed.
    public mutating func withUnsafeMutableBuffer<R>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
    ) rethrows -> R {
        makeUnique()
        return try body(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
    }

    /// Pointer for writing, after a copy if another tensor shares the memory.
    mutating func uniquePointer() -> UnsafeMutablePointer<Float> {
        makeUnique()
        return storage.pointer
    }

    private mutating func makeUnique() {
        guard !(storage.isWritable && isKnownUniquelyReferenced(&storage)) else { return storage.forgetCopies() }
        let copy = Storage(count: count)
        copy.pointer.update(from: storage.pointer, count: count)
        storage = copy
    }

    /// Lets the system reclaim the elements if they are borrowed from a mapped file. Reading them fetches them again.
    package func releasePages() { storage.releasePages() }

    /// Discards cached bf16 and packed copies of the elements.
    package func forgetCopies() { storage.forgetCopies() }

    /// The elements with another shape, in shared memory.
    ///
    /// - Precondition: the number of elements does not change.
    public func reshaped(_ shape: [Int]) -> Tensor {
        precondition(
            shape.reduce(1, *) == count, "reshaped: \(self.shape) and \(shape) differ in their number of elements")
        let result = Tensor(shape: shape, storage: storage)
        return Tape.record("reshaped", result, from: [self]) { upstream in
            node?.add(upstream.reshaped(self.shape))
        }
    }

    /// The tensor without a gradient. The memory is shared.
    public var detached: Tensor { Tensor(shape: shape, storage: storage) }

    /// A copy with its own memory.
    public func copied() -> Tensor {
        let copy = Tensor(uninitialized: shape)
        copy.storage.pointer.update(from: pointer, count: count)
        return copy
    }

    /// A copy of the rows `range` along the first axis.
    public func rows(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= shape[0] && !range.isEmpty,
            "rows: \(range) is not inside the first axis of \(shape)")
        let stride = count / shape[0]
        let result = Tensor(uninitialized: [range.count] + shape.dropFirst())
        result.storage.pointer.update(from: pointer + range.lowerBound * stride, count: range.count * stride)
        return result
    }

    /// A copy of the elements `range` in row-major order.
    package func elements(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count && !range.isEmpty,
            "elements: \(range) is not inside a tensor of \(shape)")
        let result = Tensor(uninitialized: [range.count])
        result.storage.pointer.update(from: pointer + range.lowerBound, count: range.count)
        return result
    }

    /// Joins tensors along the first axis. All other dimensions must be equal.
    public static func concatenated(_ parts: [Tensor]) -> Tensor {
        precondition(!parts.isEmpty, "concatenated: there is nothing to join")
        let tail = parts[0].shape.dropFirst()
        precondition(
            parts.allSatisfy { $0.shape.dropFirst() == tail },
            "concatenated: shapes \(parts.map(\.shape)) differ after the first axis")
        let result = Tensor(uninitialized: [parts.reduce(0) { $0 + $1.shape[0] }] + tail)
        var at = result.storage.pointer
        for part in parts {
            at.update(from: part.pointer, count: part.count)
            at += part.count
        }
        return result
    }

    /// alpha x + beta y, for samplers; without a gradient.
    public static func combination(_ alpha: Float, _ x: Tensor, _ beta: Float, _ y: Tensor) -> Tensor {
        combination([Float](repeating: alpha, count: x.shape[0]), x, [Float](repeating: beta, count: x.shape[0]), y)
    }

    /// alpha x + beta y with separate factors for each image, that is for each index along the first axis; without a
    /// gradient.
    public static func combination(_ alpha: [Float], _ x: Tensor, _ beta: [Float], _ y: Tensor) -> Tensor {
        precondition(
            x.shape == y.shape && alpha.count == x.shape[0] && beta.count == x.shape[0],
            "combination: shapes \(x.shape) and \(y.shape) with \(alpha.count) and \(beta.count) factors do not fit")
        let result = Tensor(uninitialized: x.shape)
        let size = x.count / x.shape[0]
        parallelFor(x.shape[0]) { picture in
            let at = picture * size
            pn_linear_combination(
                size, alpha[picture], x.pointer + at, beta[picture], y.pointer + at, result.storage.pointer + at)
        }
        return result
    }

    /// A tensor of standard normal numbers. Each index along the first axis has its own random stream.
    public static func normal(_ shape: [Int], streams: (_ index: Int) -> RandomStream) -> Tensor {
        let result = Tensor(uninitialized: shape)
        let size = result.count / shape[0]
        parallelFor(shape[0]) { index in
            var stream = streams(index)
            stream.fillNormal(UnsafeMutableBufferPointer(start: result.storage.pointer + index * size, count: size))
        }
        return result
    }

    /// Whether every element is finite, and its square too: larger numbers are of no use in further computation.
    public var isFinite: Bool { pn_sum_of_squares(count, pointer).isFinite }
}
