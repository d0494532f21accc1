/// Numbers of several tensors in one run of memory, so that they can be handed on together.
///
/// `@unchecked Sendable`: the pointer never changes, and the tensors say who may write.
package final class FlatMemory: @unchecked Sendable {
    package let pointer: UnsafeMutablePointer<Float>
    package let count: Int
    private let blockSize: Int

    /// Numbers that are still to be written; memory is taken up only where that has happened.
    @inline(never)
    package init(count: Int) {
        let (block, size) = MemoryPool.shared.take(bytes: count * MemoryLayout<Float>.stride)
        pointer = block.bindMemory(to: Float.self, capacity: count)
        (self.count, blockSize) = (count, size)
    }

    /// Makes a range of the numbers zero.
    package func clear(_ range: Range<Int>) { (pointer + range.lowerBound).update(repeating: 0, count: range.count) }

    /// The tensor that begins at `offset`; writing it writes here, as long as no copy of it is held.
    package func tensor(at offset: Int, shape: [Int]) -> Tensor {
        precondition(
            offset >= 0 && offset + shape.reduce(1, *) <= count, "FlatMemory: \(shape) at \(offset) of \(count)")
        return Tensor(shape: shape, storage: Storage(sharing: pointer + offset, of: self))
    }

    /// Whether a tensor lies at `offset`.
    package func holds(_ tensor: Tensor, at offset: Int) -> Bool { tensor.pointer == UnsafePointer(pointer + offset) }

    deinit { MemoryPool.shared.give(UnsafeMutableRawPointer(pointer), size: blockSize) }
}
