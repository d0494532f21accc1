import Foundation

/// Hands bytes from the thread that has them to one that asks for them, without a copy in between and never more than
/// a part at a time.
///
/// `@unchecked Sendable`: all is under `condition`, and the giver waits until its bytes are used.
final class ByteFeed: @unchecked Sendable {
    private let condition = NSCondition()
    private var offered = UnsafeRawBufferPointer(start: nil, count: 0)[...]
    /// No more is offered, or no more is taken.
    private var isClosed = false

    /// Waits until all of `bytes` has been taken.
    ///
    /// - Returns: false where the taker has closed the feed.
    func offer(_ bytes: UnsafeRawBufferPointer) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        offered = bytes[...]
        condition.broadcast()
        while !offered.isEmpty && !isClosed { condition.wait() }
        return offered.isEmpty
    }

    /// Waits for bytes.
    ///
    /// - Returns: how many were written to `target`, at least one; nil where the giver has closed the feed.
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
