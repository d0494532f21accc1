/// A reusable block of memory that is freed with the object.
///
/// `@unchecked Sendable`: the thread that creates a block writes it before any other thread gets it.
package final class ByteBlock: @unchecked Sendable {
    /// The memory, aligned to 64 bytes.
    package private(set) var bytes: UnsafeMutableRawBufferPointer
    /// The size in bytes up to which a block is never shrunk.
    private static let comfortableSize = 1 << 24

    // Not inlined, here and in the classes that own such blocks: Swift 6.3 may otherwise place a short-lived object on
    // the stack and, if an error is thrown, free it as if it were on the heap.
    @inline(never)
    package init(count: Int = 16) { bytes = .allocate(byteCount: max(count, 1), alignment: 64) }

    /// Memory for `count` bytes. Earlier contents may be lost.
    ///
    /// An oversized block is freed and allocated smaller, so that one huge file does not cost memory for the rest of
    /// a run.
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
