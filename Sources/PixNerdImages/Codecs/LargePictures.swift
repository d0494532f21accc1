import Foundation
import PixNerdSupport

/// Keeps the memory of large images within bounds: together, those being decoded take no more than the largest image
/// that is allowed. Threads that would exceed it wait for one another.
enum LargePictures {
    /// The size in bytes of decoded images that are not worth counting.
    private static let ordinary = 1 << 25
    private static let limit = 3 * ImageFile.maximumPixels

    /// `@unchecked Sendable`: the number is accessed only while `condition` is locked.
    private final class Room: @unchecked Sendable {
        private let condition = NSCondition()
        private var used = 0

        func take(_ bytes: Int) {
            condition.lock()
            defer { condition.unlock() }
            while used > 0 && used + bytes > limit { condition.wait() }
            used += bytes
        }

        func giveBack(_ bytes: Int) {
            condition.lock()
            defer { condition.unlock() }
            used -= bytes
            condition.broadcast()
        }
    }

    private static let room = Room()

    /// Calls `body`, which decodes an image, once there is room for it.
    ///
    /// - Parameters:
    ///   - bytes: size of the decoded image.
    ///   - name: the image in errors.
    /// - Throws: `PixNerdError` if the system has no such block of memory; whatever `body` throws.
    static func withRoom<Result>(_ bytes: Int, name: String, _ body: () throws -> Result) throws -> Result {
        guard bytes > ordinary else { return try body() }
        room.take(bytes)
        defer { room.giveBack(bytes) }
        // The image, and its halves on the way to a crop.
        guard hasMemory(bytes + bytes / 2) else {
            throw PixNerdError(
                .system, "\(name)", found: "cannot be decoded: there is not enough memory for its \(bytes >> 20) MiB")
        }
        return try body()
    }

    /// Whether the system gives so much memory. Swift ends the program where memory is refused, so it is asked first; by
    /// mmap, since the compiler removes a malloc that is freed at once.
    private static func hasMemory(_ bytes: Int) -> Bool {
        let block = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let block, block != MAP_FAILED else { return false }
        munmap(block, bytes)
        return true
    }
}
