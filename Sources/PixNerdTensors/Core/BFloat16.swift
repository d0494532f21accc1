import CPixNerdKernels

/// A bfloat16 number: the upper 16 bits of a float32.
struct BFloat16: ProductFactor {
    let bits: UInt16

    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<BFloat16>, _ b: UnsafePointer<BFloat16>,
        bias: UnsafePointer<Float>?, into c: UnsafeMutablePointer<Float>
    ) {
        guard TileProduct.isUsed else {
            return OneDNN.shared.multiply(shape, a, b, bias: bias, into: c, takesBFloat16: true)
        }
        TileProduct.onThisThread(
            rows: shape.rows, columns: shape.columns, inner: shape.inner,
            TileSource(left: Matrix(a, stride: shape.aStride, transposed: shape.aIsTransposed)),
            TileSource(right: Matrix(b, stride: shape.bStride, transposed: shape.bIsTransposed)), bias: bias,
            beta: shape.accumulates ? 1 : 0, into: c, stride: shape.cStride)
    }

    static func rounded(_ tensor: Tensor) -> Rounded<BFloat16> {
        tensor.storage.rounded { RoundedStorage(of: tensor) }.elements
    }

    static func roundedWeight(_ tensor: Tensor) -> Rounded<BFloat16> {
        tensor.node?.roundedParameter() ?? rounded(tensor)
    }

    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<BFloat16> {
        pn_round_to_bfloat16(count, x, room)
        return UnsafePointer(UnsafeMutableRawPointer(room).assumingMemoryBound(to: BFloat16.self))
    }

    static func place(
        _ place: UnsafeMutablePointer<BFloat16>, or room: UnsafeMutablePointer<Float>
    ) -> UnsafeMutablePointer<Float> { room }

    static func computed(
        count: Int, _ fill: (_ range: Range<Int>, _ out: UnsafeMutablePointer<Float>) -> Void
    ) -> Rounded<BFloat16> {
        let storage = RoundedStorage(count: count)
        parallelChunks(count, of: elementsPerChunk) { range in
            withWorkspace(range.count) { out in
                fill(range, out)
                pn_round_to_bfloat16(range.count, out, storage.pointer + range.lowerBound)
            }
        }
        return storage.elements
    }

    static func widened(
        _ x: UnsafePointer<BFloat16>, rows: Int, width: Int, stride: Int, in room: UnsafeMutablePointer<Float>
    ) -> (pointer: UnsafePointer<Float>, stride: Int) {
        for row in 0..<rows { pn_bfloat16_to_float(width, x + row * stride, room + row * width) }
        return (UnsafePointer(room), width)
    }
}

/// A block of bf16 numbers from the memory pool.
///
/// `@unchecked Sendable`: only its creator writes to it.
package final class RoundedStorage: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<BFloat16>
    private let blockSize: Int

    /// Memory for `count` elements, which the caller writes before anything reads them.
    // See docs/workarounds.md.
    @inline(never)
    init(count: Int) {
        let (block, size) = MemoryPool.shared.take(bytes: count * MemoryLayout<BFloat16>.stride)
        pointer = block.bindMemory(to: BFloat16.self, capacity: count)
        blockSize = size
    }

    fileprivate convenience init(of tensor: Tensor) {
        self.init(count: tensor.count)
        roundToBFloat16(tensor.pointer, count: tensor.count, into: pointer)
    }

    /// The elements as a tensor.
    func tensor(shape: [Int]) -> Tensor { Tensor(rounded: self, shape: shape) }

    var elements: Rounded<BFloat16> { Rounded(pointer: pointer, owner: self) }

    deinit { MemoryPool.shared.give(UnsafeMutableRawPointer(pointer), size: blockSize) }
}

/// Rounds float32 numbers to bf16, on all threads.
func roundToBFloat16(_ x: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<BFloat16>) {
    parallelChunks(count, of: elementsPerChunk) { range in
        pn_round_to_bfloat16(range.count, x + range.lowerBound, target + range.lowerBound)
    }
}

/// The result of an operator that is computed in parts: a tensor in float32, or one in bf16 only.
enum PartlyRounded {
    case float32(Tensor)
    case bfloat16(RoundedStorage, shape: [Int])

    init(shape: [Int], rounds: Bool) {
        self =
            rounds
            ? .bfloat16(RoundedStorage(count: shape.reduce(1, *)), shape: shape)
            : .float32(Tensor(uninitialized: shape))
    }

    var tensor: Tensor {
        switch self {
        case .float32(let tensor): tensor
        case .bfloat16(let storage, let shape): storage.tensor(shape: shape)
        }
    }

    /// Calls `body` to write the `count` elements from `at` on.
    func write(at: Int, count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
        switch self {
        case .float32(let tensor): body(tensor.storage.pointer + at)
        case .bfloat16(let storage, _):
            withWorkspace(count) { room in
                body(room)
                pn_round_to_bfloat16(count, room, storage.pointer + at)
            }
        }
    }
}
