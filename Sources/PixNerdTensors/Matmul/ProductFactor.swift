import CPixNerdBLAS
import CPixNerdKernels

/// A type of numbers that the factors of products have; they are summed in float32.
protocol ProductFactor: BitwiseCopyable, Sendable {
    /// c = a b, c + a b, or a b with a bias added to each row, on the calling thread.
    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, bias: UnsafePointer<Float>?,
        into c: UnsafeMutablePointer<Float>)

    /// c = x W^T on all threads, with a bias added to each row or on top of what `prepare` writes.
    ///
    /// - Parameters:
    ///   - x: [rows, in].
    ///   - weight: [out, in].
    ///   - bias: [out], where nothing is prepared.
    static func multiply(
        rows: Int, _ x: Rounded<Self>, byWeight weight: Tensor, bias: Tensor?, into c: UnsafeMutablePointer<Float>,
        prepare: RowPreparation?)

    /// c[rows, columns] = a b, with a bias[columns] added to each row where there is one, on all threads and rounded to bf16.
    static func multiply(
        rows: Int, columns: Int, inner: Int, _ a: Matrix<Self>, _ b: Matrix<Self>, bias: UnsafePointer<Float>?,
        roundedInto c: UnsafeMutablePointer<BFloat16>)

    /// The elements of a tensor in this type.
    static func rounded(_ tensor: Tensor) -> Rounded<Self>

    /// The same of the value of a parameter, which is read again in the backward pass and not kept for it.
    static func roundedWeight(_ tensor: Tensor) -> Rounded<Self>

    /// `count` elements from `x` in this type: `x` itself where that is float32, else rounded into `room`, which may be `x`.
    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Self>

    /// Where float32 numbers are computed that `place` is to hold: there, or in `room` where this type is another.
    /// `rounded(_:count:in:)` with the place as its room then brings them there.
    static func place(
        _ place: UnsafeMutablePointer<Self>, or room: UnsafeMutablePointer<Float>
    ) -> UnsafeMutablePointer<Float>

    /// Elements that `fill` computes as float32, chunk by chunk and on all threads.
    static func computed(
        count: Int, _ fill: (_ range: Range<Int>, _ out: UnsafeMutablePointer<Float>) -> Void
    ) -> Rounded<Self>

    /// `rows` rows of `width` elements as float32, and how far they are apart: `x` itself where that is this type, else
    /// widened into `room`, one behind the other.
    static func widened(
        _ x: UnsafePointer<Self>, rows: Int, width: Int, stride: Int, in room: UnsafeMutablePointer<Float>
    ) -> (pointer: UnsafePointer<Float>, stride: Int)
}

extension ProductFactor {
    /// The same where nothing is packed.
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

    /// `count` elements from `x` as float32: `x` itself where that is this type, else widened into `room`.
    static func widened(
        _ x: UnsafePointer<Self>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        widened(x, rows: 1, width: count, stride: count, in: room).pointer
    }

    /// `count` elements in this type, in the memory where they are as float32.
    static func roundedInPlace(_ x: UnsafeMutablePointer<Float>, count: Int) -> UnsafePointer<Self> {
        rounded(x, count: count, in: x)
    }

    /// Where a call of `roundedInPlace` left elements.
    static func inPlace(_ x: UnsafePointer<Float>) -> UnsafePointer<Self> {
        UnsafeRawPointer(x).assumingMemoryBound(to: Self.self)
    }
}

/// The sizes of a product c[rows, columns] = a[rows, inner] b[inner, columns], and how the matrices lie in memory.
struct ProductShape: Hashable {
    let rows: Int
    let columns: Int
    let inner: Int
    let aStride: Int
    let aIsTransposed: Bool
    let bStride: Int
    let bIsTransposed: Bool
    let cStride: Int
    /// Whether the product is added to what c holds; then there is no bias.
    var accumulates = false
    /// Whether c is bf16, of a product of bf16 factors.
    var roundsResult = false
}

/// The elements of a tensor in the type of factors of products: for these, or for a derivative. They live as long as this.
struct Rounded<Element: ProductFactor> {
    let pointer: UnsafePointer<Element>
    private let owner: AnyObject

    init(pointer: UnsafePointer<Element>, owner: AnyObject) {
        self.pointer = pointer
        self.owner = owner
    }

    /// As a matrix of which rows, before the transposition, are `stride` elements apart.
    func matrix(stride: Int, transposed: Bool = false) -> Matrix<Element> {
        Matrix(pointer, stride: stride, transposed: transposed)
    }
}

extension Tensor {
    /// The elements in the type of factors of products.
    func rounded<Element: ProductFactor>(to type: Element.Type) -> Rounded<Element> { Element.rounded(self) }
}

extension Float: ProductFactor {
    /// Whether products with few rows have a kernel that is faster than OpenBLAS; measured with AVX-512.
    private static let hasRegistersForFewRows = pn_processor_has_avx512()

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
