import CPixNerdKernels
import Foundation
import PixNerdSupport
import Synchronization

/// A pool that keeps freed blocks by size, so that repeated training steps allocate nothing from the system.
///
/// Sizes are rounded up to eight classes per power of two. This wastes at most an eighth and lets blocks of almost
/// equal size serve each other. Blocks are aligned to 64 bytes, large ones to 2 MiB so that huge pages can back them.
public final class MemoryPool: Sendable {
    /// The pool for all tensors of the process.
    public static let shared = MemoryPool()

    /// Counters of a memory pool.
    public struct Statistics: Sendable, Equatable {
        /// Bytes of blocks in use.
        public var bytesInUse = 0
        /// Largest `bytesInUse` so far.
        public var peakBytesInUse = 0
        /// Bytes of freed blocks that are kept.
        public var bytesKept = 0
        /// Number of blocks allocated from the system so far.
        public var systemAllocations = 0
    }

    private struct State {
        var freeBlocks: [Int: [UInt]] = [:]
        var statistics = Statistics()
    }

    private static let hugePage = 2 << 20
    private let state = Mutex(State())

    package init() {}

    public var statistics: Statistics { state.withLock { $0.statistics } }

    /// Resets `peakBytesInUse` to the bytes in use now.
    package func beginPeak() { state.withLock { $0.statistics.peakBytesInUse = $0.statistics.bytesInUse } }

    /// Frees all kept blocks.
    public func releaseKept() {
        let blocks = state.withLock { state in
            let blocks = state.freeBlocks.values.flatMap { $0 }
            state.freeBlocks.removeAll()
            state.statistics.bytesKept = 0
            return blocks
        }
        for address in blocks { free(UnsafeMutableRawPointer(bitPattern: address)) }
    }

    /// Size in bytes of the block that serves a request.
    package static func blockSize(for bytes: Int) -> Int {
        guard bytes > 512 else { return 512 }
        let step = (1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)) / 8
        return (bytes + step - 1) / step * step
    }

    /// Takes a block of at least `bytes` bytes, with unspecified contents, and returns its actual size too.
    package func take(bytes: Int) -> (UnsafeMutableRawPointer, size: Int) {
        let size = Self.blockSize(for: bytes)
        let kept: UInt? = state.withLock { state in
            let address = state.freeBlocks[size]?.popLast()
            if address == nil {
                state.statistics.systemAllocations += 1
            } else {
                state.statistics.bytesKept -= size
            }
            state.statistics.bytesInUse += size
            state.statistics.peakBytesInUse = max(state.statistics.peakBytesInUse, state.statistics.bytesInUse)
            return address
        }
        if let kept, let block = UnsafeMutableRawPointer(bitPattern: kept) { return (block, size) }
        var block: UnsafeMutableRawPointer?
        let alignment = size >= Self.hugePage ? Self.hugePage : 64
        guard posix_memalign(&block, alignment, size) == 0, let block else {
            MemoryRefusal.end(bytes: size)
        }
        if size >= Self.hugePage { madvise(block, size, Int32(MADV_HUGEPAGE)) }
        return (block, size)
    }

    /// Returns a block to the pool.
    package func give(_ block: UnsafeMutableRawPointer, size: Int) {
        state.withLock { state in
            state.freeBlocks[size, default: []].append(UInt(bitPattern: block))
            state.statistics.bytesInUse -= size
            state.statistics.bytesKept += size
        }
    }
}

/// The memory of one or more tensors: a pooled block, or memory owned by another object (a mapped file).
///
/// Elements that were computed in bf16 are made float32 when they are first read as such.
///
/// `@unchecked Sendable`: the pointer never changes, and only `Tensor` writes, while it holds the only reference.
final class Storage: @unchecked Sendable {
    /// The address of the float32 elements; 0 if there are only those in bf16 so far.
    private let address: Atomic<UInt>
    /// Size of the pooled block in bytes; 0 if another object owns the memory.
    private let blockSize: Int
    /// Number of elements in bf16; 0 if they were float32 from the start.
    private let roundedCount: Int
    private let owner: AnyObject?
    /// Read-only memory of the owner; nil if the elements may be written.
    private let borrowed: UnsafeRawBufferPointer?
    /// Whether the elements may be written while only one tensor holds them.
    let isWritable: Bool
    /// Elements as bf16, cached for further matmuls until something writes to this memory.
    private let roundedElements = Mutex<RoundedStorage?>(nil)
    /// Elements packed as a weight, cached in the same way.
    private let packedElements = Mutex<PackedWeight?>(nil)

    init(count: Int) {
        let (block, size) = MemoryPool.shared.take(bytes: count * MemoryLayout<Float>.stride)
        address = Atomic(
            UInt(bitPattern: block.bindMemory(to: Float.self, capacity: size / MemoryLayout<Float>.stride)))
        blockSize = size
        roundedCount = 0
        (owner, borrowed) = (nil, nil)
        isWritable = true
    }

    /// Elements that are there in bf16 only.
    init(rounded: RoundedStorage, count: Int) {
        address = Atomic(0)
        blockSize = MemoryPool.blockSize(for: count * MemoryLayout<Float>.stride)
        roundedCount = count
        (owner, borrowed) = (nil, nil)
        isWritable = true
        roundedElements.withLock { $0 = rounded }
    }

    /// The elements as float32.
    var pointer: UnsafeMutablePointer<Float> {
        UnsafeMutablePointer(bitPattern: address.load(ordering: .acquiring)) ?? widened()
    }

    /// Whether there are no float32 elements yet.
    var isRounded: Bool { address.load(ordering: .acquiring) == 0 }

    /// Makes the float32 elements, unless another thread has done so meanwhile.
    @inline(never)
    private func widened() -> UnsafeMutablePointer<Float> {
        roundedElements.withLock { rounded in
            if let pointer = UnsafeMutablePointer<Float>(bitPattern: address.load(ordering: .acquiring)) {
                return pointer
            }
            let (block, _) = MemoryPool.shared.take(bytes: roundedCount * MemoryLayout<Float>.stride)
            let pointer = block.bindMemory(to: Float.self, capacity: roundedCount)
            // Safe: each chunk writes only its own elements.
            nonisolated(unsafe) let (source, target) = (UnsafePointer(rounded!.pointer), pointer)
            parallelChunks(roundedCount, of: elementsPerChunk) { range in
                pn_bfloat16_to_float(range.count, source + range.lowerBound, target + range.lowerBound)
            }
            address.store(UInt(bitPattern: pointer), ordering: .releasing)
            return pointer
        }
    }

    /// Read-only memory of `count` elements that `owner` keeps alive.
    init(borrowing pointer: UnsafePointer<Float>, count: Int, owner: AnyObject) {
        address = Atomic(UInt(bitPattern: pointer))
        (blockSize, roundedCount) = (0, 0)
        self.owner = owner
        borrowed = UnsafeRawBufferPointer(UnsafeBufferPointer(start: pointer, count: count))
        isWritable = false
    }

    /// Writable part of memory that `owner` keeps alive. Whoever else writes to it must call `forgetCopies`.
    init(sharing pointer: UnsafeMutablePointer<Float>, of owner: AnyObject) {
        address = Atomic(UInt(bitPattern: pointer))
        (blockSize, roundedCount) = (0, 0)
        self.owner = owner
        borrowed = nil
        isWritable = true
    }

    /// Elements as bf16: the cached copy, or else the one that `make` returns.
    func rounded(_ make: () -> RoundedStorage) -> RoundedStorage { cached(in: roundedElements, make) }

    /// Elements as a packed weight: the cached copy, or else the one that `make` returns.
    ///
    /// - Parameter suits: whether a cached copy is of the right kind.
    func packed(where suits: (PackedWeight) -> Bool, make: () -> PackedWeight) -> PackedWeight {
        cached(in: packedElements, where: suits, make)
    }

    private func cached<Copy>(
        in place: borrowing Mutex<Copy?>, where suits: (Copy) -> Bool = { _ in true }, _ make: () -> Copy
    ) -> Copy {
        place.withLock { kept in
            if let kept, suits(kept) { return kept }
            let copy = make()
            kept = copy
            // From now on the copy is read instead.
            releasePages()
            return copy
        }
    }

    /// Lets the system reclaim the elements if they are borrowed from a mapped file.
    func releasePages() {
        guard let borrowed, let owner = owner as? any ReleasableMemory else { return }
        owner.releasePages(of: borrowed)
    }

    /// Discards cached copies because the elements change.
    func forgetCopies() {
        _ = pointer
        roundedElements.withLock { $0 = nil }
        packedElements.withLock { $0 = nil }
    }

    deinit {
        guard owner == nil, let block = UnsafeMutableRawPointer(bitPattern: address.load(ordering: .acquiring)) else {
            return
        }
        MemoryPool.shared.give(block, size: blockSize)
    }
}

/// Calls `body` with scratch memory for `count` floats from the pool, with unspecified contents.
func withWorkspace<R>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> R) -> R {
    let (block, size) = MemoryPool.shared.take(bytes: count * MemoryLayout<Float>.stride)
    defer { MemoryPool.shared.give(block, size: size) }
    return body(block.bindMemory(to: Float.self, capacity: count))
}
