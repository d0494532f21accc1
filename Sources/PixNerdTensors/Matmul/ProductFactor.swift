import CPixNerdBLAS
import CPixNerdKernels

/// An element type of matmul inputs. Sums are accumulated in float32.
protocol ProductFactor: BitwiseCopyable, Sendable {
    /// Computes c = a b, c + a b, or a b plus a bias in each row, on the calling thread.
    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, bias: UnsafePointer<Float>?,
        into c: UnsafeMutablePointer<Float>)

    /// Computes c = x W^T on all threads, plus a bias in each row or the values that `prepare` writes.
    ///
    /// - Parameters:
    ///   - x: [rows, in].
    ///   - weight: [out, in].
    ///   - bias: [out]; nil with `prepare`.
    ///   - c: [rows, out].
    ///   - prepare: writes the values that the matmul is added to.
    static func multiply(
        rows: Int, _ x: Rounded<Self>, byWeight weight: Tensor, bias: Tensor?, into c: UnsafeMutablePointer<Float>,
        prepare: RowPreparation?)

    /// Computes c = x W + beta c on all threads. Beta is 0 or 1.
    ///
    /// - Parameters:
    ///   - x: [rows, out].
    ///   - weight: [out, in].
    ///   - c: [rows, in].
    static func multiply(
        rows: Int, _ x: Rounded<Self>, byColumnsOf weight: Tensor, beta: Float, into c: UnsafeMutablePointer<Float>)

    /// Computes c[rows, columns] = a b on all threads, rounded to bf16.
    ///
    /// - Parameter bias: [columns], added to each row.
    static func multiply(
        rows: Int, columns: Int, inner: Int, _ a: Matrix<Self>, _ b: Matrix<Self>, bias: UnsafePointer<Float>?,
        roundedInto c: UnsafeMutablePointer<BFloat16>)

    /// Elements of a tensor, converted to this type.
    static func rounded(_ tensor: Tensor) -> Rounded<Self>

    /// Elements of a weight, converted to this type. A parameter is converted again in the backward pass instead of
    /// being kept for it.
    static func roundedWeight(_ tensor: Tensor) -> Rounded<Self>

    /// Converts `count` elements to this type.
    ///
    /// - Parameter room: scratch memory for the result, which may be `x`. Not used for float32.
    /// - Returns: `x` itself for float32, otherwise `room`.
    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Self>

    /// Destination of float32 results that end up in `place` in this type.
    ///
    /// If the type is not float32, `rounded(_:count:in:)` with `place` as its `room` then converts them.
    ///
    /// - Returns: `place` itself for float32, otherwise the scratch memory `room`.
    static func place(
        _ place: UnsafeMutablePointer<Self>, or room: UnsafeMutablePointer<Float>
    ) -> UnsafeMutablePointer<Float>

    /// Elements that `fill` computes as float32, chunk by chunk on all threads, converted to this type.
    static func computed(
        count: Int, _ fill: (_ range: Range<Int>, _ out: UnsafeMutablePointer<Float>) -> Void
    ) -> Rounded<Self>

    /// Converts `rows` rows of `width` elements to float32.
    ///
    /// - Parameters:
    ///   - stride: elements from one row of `x` to the next.
    ///   - room: scratch memory for the result, without gaps between rows. Not used for float32.
    /// - Returns: `x` itself for float32, otherwise `room`; and the distance between its rows.
    static func widened(
        _ x: UnsafePointer<Self>, rows: Int, width: Int, stride: Int, in room: UnsafeMutablePointer<Float>
    ) -> (pointer: UnsafePointer<Float>, stride: Int)
}

extension ProductFactor {
    /// Computes c = x W^T on all threads with a weight that is not packed.
    static func multiply(
        rows: Int, _ x: Rounded<Self>, byRowsOf weight: Tensor, bias: Tensor?, into c: UnsafeMutablePointer<Float>,
        prepare: RowPreparation?
    ) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        MatrixProduct.onAllThreads(
            rows: rows, columns: outputs, inner: inputs, x.matrix(stride: inputs),
            roundedWeight(weight).matrix(stride: inputs, transposed: true), bias: bias?.pointer,
            beta: prepare == nil ? 0 : 1, into: c, stride: outputs,
            prepare: prepare.map { prepare in { rows, columns in for row in rows { prepare(c, row, columns) } } })
    }

    static func multiply(
        rows: Int, _ x: Rounded<Self>, byColumnsOf weight: Tensor, beta: Float, into c: UnsafeMutablePointer<Float>
    ) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        MatrixProduct.onAllThreads(
            rows: rows, columns: inputs, inner: outputs, x.matrix(stride: outputs),
            roundedWeight(weight).matrix(stride: inputs), beta: beta, into: c, stride: inputs)
    }

    /// Converts `count` elements to float32.
    ///
    /// - Parameter room: scratch memory for the result. Not used for float32.
    /// - Returns: `x` itself for float32, otherwise `room`.
    static func widened(
        _ x: UnsafePointer<Self>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        widened(x, rows: 1, width: count, stride: count, in: room).pointer
    }

    /// Converts `count` float32 elements to this type, in the same memory.
    static func roundedInPlace(_ x: UnsafeMutablePointer<Float>, count: Int) -> UnsafePointer<Self> {
        rounded(x, count: count, in: x)
    }

    /// Elements that `roundedInPlace` has converted in the memory `x`.
    static func inPlace(_ x: UnsafePointer<Float>) -> UnsafePointer<Self> {
        UnsafeRawPointer(x).assumingMemoryBound(to: Self.self)
    }
}

/// The sizes of a matmul c[rows, columns] = a[rows, inner] b[inner, columns], and the memory layout of the matrices.
struct ProductShape: Hashable {
    let rows: Int
    let columns: Int
    let inner: Int
    let aStride: Int
    let aIsTransposed: Bool
    let bStride: Int
    let bIsTransposed: Bool
    let cStride: Int
    /// Whether the result is added to c. There is no bias then.
    var accumulates = false
    /// Whether c is bf16. The inputs are bf16 then.
    var roundsResult = false
}

/// Elements of a tensor, converted for matmuls or kept for a derivative. The memory lives as long as this value.
struct Rounded<Element: ProductFactor> {
    let pointer: UnsafePointer<Element>
    private let owner: AnyObject

    init(pointer: UnsafePointer<Element>, owner: AnyObject) {
        self.pointer = pointer
        self.owner = owner
    }

    /// A matrix over the elements. Its rows before the transposition are `stride` elements apart.
    func matrix(stride: Int, transposed: Bool = false) -> Matrix<Element> {
        Matrix(pointer, stride: stride, transposed: transposed)
    }
}

extension Tensor {
    /// Elements converted to the type of matmul inputs.
    func rounded<Element: ProductFactor>(to type: Element.Type) -> Rounded<Element> { Element.rounded(self) }
}

extension Float: ProductFactor {
    /// Whether this package's kernel for few rows is faster than OpenBLAS. Measured with AVX-512.
    private static let hasRegistersForFewRows = pn_kernels_have_avx512()

    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
        into c: UnsafeMutablePointer<Float>
    ) {
        if OneDNN.shared.isFaster(shape) {
            OneDNN.shared.multiply(shape, a, b, bias: bias, into: c, takesBFloat16: false)
            return
        }
        _ = MatrixLibrary.isReady
        if let bias {
            for row in 0..<shape.rows { (c + row * shape.cStride).update(from: bias, count: shape.columns) }
        }
        pn_blas_sgemm(
            shape.aIsTransposed, shape.bIsTransposed, Int64(shape.rows), Int64(shape.columns), Int64(shape.inner), a,
            Int64(shape.aStride), b, Int64(shape.bStride), shape.accumulates || bias != nil, c, Int64(shape.cStride))
    }

    static func multiply(
        rows: Int, _ x: Rounded<Float>, byWeight weight: Tensor, bias: Tensor?, into c: UnsafeMutablePointer<Float>,
        prepare: RowPreparation?
    ) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        guard rows <= FEW_ROWS, hasRegistersForFewRows, prepare == nil else {
            return multiply(rows: rows, x, byRowsOf: weight, bias: bias, into: c, prepare: prepare)
        }
        OperatorProfile.count(multiplyAdds: rows * outputs * inputs)
        parallelChunks(outputs, of: max(1, elementsPerChunk / inputs)) { columns in
            pn_multiply_few_rows(
                rows, columns.count, inputs, outputs, x.pointer, weight.pointer + columns.lowerBound * inputs,
                bias.map { $0.pointer + columns.lowerBound }, c + columns.lowerBound)
        }
    }

    static func multiply(
        rows: Int, columns: Int, inner: Int, _ a: Matrix<Float>, _ b: Matrix<Float>, bias: UnsafePointer<Float>?,
        roundedInto c: UnsafeMutablePointer<BFloat16>
    ) {
        parallelChunks(rows, of: max(1, 4 * elementsPerChunk / columns)) { rows in
            let count = rows.count * columns
            withWorkspace(count) { room in
                MatrixProduct.onThisThread(
                    rows: rows.count, columns: columns, inner: inner, a.from(row: rows.lowerBound), b, bias: bias,
                    beta: 0, into: room, stride: columns)
                pn_round_to_bfloat16(count, room, c + rows.lowerBound * columns)
            }
        }
    }

    static func rounded(_ tensor: Tensor) -> Rounded<Float> {
        Rounded(pointer: tensor.pointer, owner: tensor.storage)
    }

    static func roundedWeight(_ tensor: Tensor) -> Rounded<Float> { rounded(tensor) }

    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> { x }

    static func place(
        _ place: UnsafeMutablePointer<Float>, or room: UnsafeMutablePointer<Float>
    ) -> UnsafeMutablePointer<Float> { place }

    static func computed(
        count: Int, _ fill: (_ range: Range<Int>, _ out: UnsafeMutablePointer<Float>) -> Void
    ) -> Rounded<Float> {
        let storage = Storage(count: count)
        parallelChunks(count, of: elementsPerChunk) { fill($0, storage.pointer + $0.lowerBound) }
        return Rounded(pointer: storage.pointer, owner: storage)
    }

    static func widened(
        _ x: UnsafePointer<Float>, rows: Int, width: Int, stride: Int, in room: UnsafeMutablePointer<Float>
    ) -> (pointer: UnsafePointer<Float>, stride: Int) { (x, stride) }
}
