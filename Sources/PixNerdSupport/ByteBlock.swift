/// A block of memory that is freed with the object, and that can be used again for one content after another.
///
/// `@unchecked Sendable`: it is written by the thread that made it, before any other has it.
package final class ByteBlock: @unchecked Sendable {
    /// The memory, aligned to 64 bytes.
    package private(set) var bytes: UnsafeMutableRawBufferPointer
    /// A block of at most this many bytes is kept whatever is needed next.
    private static let comfortableSize = 1 << 24

    // Not inlined, here and in the classes that own such blocks: Swift 6.3 may otherwise place a short-lived object on
    // the stack and, where an error is thrown, free it as if it stood on the heap.
    @inline(never)
    package init(count: Int = 16) { bytes = .allocate(byteCount: max(count, 1), alignment: 64) }

    /// Room for `count` bytes; what was there before may be lost.
    ///
    /// After a huge content the memory is given back, so that one of them does not weigh on the rest of a run.
    package func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if count > bytes.count || (bytes.count > Self.comfortableSize && count < bytes.count / 4) {
            bytes.deallocate()
            bytes = .allocate(byteCount: max(count, 1), alignment: 64)
        }
        return base
    }

    /// The first byte.
    package var base: UnsafeMutablePointer<UInt8> { bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) }

    deinit { bytes.deallocate() }
}
