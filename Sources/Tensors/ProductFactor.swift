import COpenBLAS
import CVectorKernels

/// A type of numbers that the factors of products have; results are float32.
protocol ProductFactor: BitwiseCopyable, Sendable {
    /// c = a b, or c + a b, on the calling thread.
    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>,
        into c: UnsafeMutablePointer<Float>)

    /// The elements of a tensor in this type.
    static func rounded(_ tensor: Tensor) -> Rounded<Self>

    /// The same of the value of a parameter, which is read again in the backward pass and not kept for it.
    static func roundedWeight(_ tensor: Tensor) -> Rounded<Self>

    /// The elements of a tensor of this shape as float32.
    static func widened(_ elements: Rounded<Self>, shape: [Int]) -> Tensor

    /// `count` elements from `x` in this type: `x` itself where that is float32, else rounded into `room`, which may be `x`.
    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Self>
}

/// The sizes of a product c[rows, columns] = a[rows, inner] b[inner, columns], and how the matrices lie in memory.
struct ProductShape {
    let rows: Int
    let columns: Int
    let inner: Int
    let aStride: Int
    let aIsTransposed: Bool
    let bStride: Int
    let bIsTransposed: Bool
    let cStride: Int
    /// Whether the product is added to what c holds.
    let accumulates: Bool
}

extension Float: ProductFactor {
    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
        into c: UnsafeMutablePointer<Float>
    ) {
        _ = Threads.oneThreadPerProduct
        cblas_sgemm(
            CblasRowMajor, shape.aIsTransposed ? CblasTrans : CblasNoTrans,
            shape.bIsTransposed ? CblasTrans : CblasNoTrans, blasint(shape.rows), blasint(shape.columns),
            blasint(shape.inner), 1, a, blasint(shape.aStride), b, blasint(shape.bStride), shape.accumulates ? 1 : 0,
            c, blasint(shape.cStride))
    }

    static func rounded(_ tensor: Tensor) -> Rounded<Float> {
        Rounded(pointer: tensor.pointer, owner: tensor.storage)
    }

    static func roundedWeight(_ tensor: Tensor) -> Rounded<Float> { rounded(tensor) }

    static func widened(_ elements: Rounded<Float>, shape: [Int]) -> Tensor {
        guard let storage = elements.owner as? Storage else {
            preconditionFailure("float32 elements are a tensor's own")
        }
        return Tensor(shape: shape, storage: storage)
    }

    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> { x }
}

/// A number of 16 bits: the upper half of a float32.
struct BFloat16: ProductFactor {
    let bits: UInt16

    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<BFloat16>, _ b: UnsafePointer<BFloat16>,
        into c: UnsafeMutablePointer<Float>
    ) {
        OneDNN.shared.multiply(shape, a, b, into: c, takesBFloat16: true)
    }

    static func rounded(_ tensor: Tensor) -> Rounded<BFloat16> {
        let storage = tensor.storage.rounded { RoundedStorage(of: tensor) }
        return Rounded(pointer: storage.pointer, owner: storage)
    }

    static func roundedWeight(_ tensor: Tensor) -> Rounded<BFloat16> {
        tensor.node?.roundedParameter() ?? rounded(tensor)
    }

    static func widened(_ elements: Rounded<BFloat16>, shape: [Int]) -> Tensor {
        let out = Tensor(uninitialized: shape)
        parallelChunks(out.count, of: elementsPerChunk) { range in
            let at = range.lowerBound
            bfloat16_to_float(range.count, elements.pointer + at, out.storage.pointer + at)
        }
        return out
    }

    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<BFloat16> {
        round_to_bfloat16(count, x, room)
        return UnsafePointer(UnsafeMutableRawPointer(room).assumingMemoryBound(to: BFloat16.self))
    }
}

extension ProductFactor {
    /// `count` elements in this type, in the memory where they are; float32 where this type is.
    static func roundedInPlace(_ x: UnsafeMutablePointer<Float>, count: Int) -> UnsafePointer<Self> {
        rounded(x, count: count, in: x)
    }

    /// Where a call of `roundedInPlace` left elements.
    static func inPlace(_ x: UnsafePointer<Float>) -> UnsafePointer<Self> {
        UnsafeRawPointer(x).assumingMemoryBound(to: Self.self)
    }
}

/// The elements of a tensor as factors of products, kept alive.
struct Rounded<Element: ProductFactor> {
    let pointer: UnsafePointer<Element>
    fileprivate let owner: AnyObject

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
    /// The elements as factors of products of type `Element`.
    func rounded<Element: ProductFactor>(to type: Element.Type) -> Rounded<Element> { Element.rounded(self) }
}

/// What a derivative keeps of a tensor: its elements in the type of the factors of products.
struct KeptTensor<Element: ProductFactor> {
    private let shape: [Int]
    let elements: Rounded<Element>

    init(_ tensor: Tensor, as type: Element.Type) {
        shape = tensor.shape
        elements = tensor.rounded(to: type)
    }

    /// The elements as float32, without a gradient.
    var tensor: Tensor { Element.widened(elements, shape: shape) }
}

/// A pooled block that holds the elements of a tensor as bf16.
///
/// `@unchecked Sendable`: nothing writes it after it was made.
final class RoundedStorage: @unchecked Sendable {
    fileprivate let pointer: UnsafePointer<BFloat16>
    private let block: UnsafeMutableRawPointer
    private let blockSize: Int

    @inline(never)
    fileprivate init(of tensor: Tensor) {
        (block, blockSize) = MemoryPool.shared.take(bytes: tensor.count * MemoryLayout<BFloat16>.stride)
        let target = block.bindMemory(to: BFloat16.self, capacity: tensor.count)
        pointer = UnsafePointer(target)
        roundToBFloat16(tensor.pointer, count: tensor.count, into: target)
    }

    deinit { MemoryPool.shared.give(block, size: blockSize) }
}

/// Rounds on all threads.
func roundToBFloat16(_ x: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<BFloat16>) {
    parallelChunks(count, of: elementsPerChunk) { range in
        round_to_bfloat16(range.count, x + range.lowerBound, target + range.lowerBound)
    }
}
