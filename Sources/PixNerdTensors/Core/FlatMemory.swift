/// One contiguous block of memory for several tensors, so that they can be passed on together.
///
/// `@unchecked Sendable`: the pointer never changes, and the tensors control who may write.
package final class FlatMemory: @unchecked Sendable {
    package let pointer: UnsafeMutablePointer<Float>
    package let count: Int
    private let blockSize: Int

    /// Memory for `count` numbers that are still to be written. The system backs only the pages that have been written.
    // See docs/workarounds.md.
    @inline(never)
    package init(count: Int) {
        let (block, size) = MemoryPool.shared.take(bytes: count * MemoryLayout<Float>.stride)
        pointer = block.bindMemory(to: Float.self, capacity: count)
        (self.count, blockSize) = (count, size)
    }

    /// Sets a range of the numbers to zero.
    package func clear(_ range: Range<Int>) { (pointer + range.lowerBound).update(repeating: 0, count: range.count) }

    /// A tensor that begins at `offset`. Writing to it writes here, as long as no copy of it exists.
    package func tensor(at offset: Int, shape: [Int]) -> Tensor {
        precondition(
            offset >= 0 && offset + shape.reduce(1, *) <= count, "FlatMemory: \(shape) at \(offset) of \(count)")
        return Tensor(shape: shape, storage: Storage(sharing: pointer + offset, of: self))
    }

    /// Whether the memory of a tensor begins at `offset`.
    package func holds(_ tensor: Tensor, at offset: Int) -> Bool { tensor.pointer == UnsafePointer(pointer + offset) }

    deinit { MemoryPool.shared.give(UnsafeMutableRawPointer(pointer), size: blockSize) }
}
