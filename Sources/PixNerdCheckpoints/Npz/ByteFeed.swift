import Foundation

/// A rendezvous that passes bytes from a producing thread to a consuming one without an intermediate buffer.
///
/// `@unchecked Sendable`: all state is guarded by `condition`, and the producer waits until its bytes are consumed.
final class ByteFeed: @unchecked Sendable {
    private let condition = NSCondition()
    private var offered = UnsafeRawBufferPointer(start: nil, count: 0)[...]
    /// Whether the producer or the consumer has finished.
    private var isClosed = false

    /// Offers bytes and waits until all of them have been taken.
    ///
    /// - Returns: false if the consumer has closed the feed.
    func offer(_ bytes: UnsafeRawBufferPointer) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        offered = bytes[...]
        condition.broadcast()
        while !offered.isEmpty && !isClosed { condition.wait() }
        return offered.isEmpty
    }

    /// Waits for bytes and copies them to `target`.
    ///
    /// - Returns: the number of bytes copied, at least one; nil if the producer has closed the feed.
    func take(into target: UnsafeMutableRawBufferPointer) -> Int? {
        condition.lock()
        defer { condition.unlock() }
        while offered.isEmpty && !isClosed { condition.wait() }
        guard !offered.isEmpty else { return nil }
        let part = offered.prefix(target.count)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
        offered = offered.dropFirst(part.count)
        if offered.isEmpty { condition.broadcast() }
        return part.count
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }
}
