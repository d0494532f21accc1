import Foundation
import PixNerdSupport
import Synchronization

/// Prints to standard output, as all commands do. It stands in for the function of the same name in Swift's library,
/// which says nothing of a full disk or a reader that is gone.
///
/// A failure does not end the work; `StandardOutput.check` reports it at the end of the command.
func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
    StandardOutput.write(items.map { "\($0)" }.joined(separator: separator) + terminator)
}

/// The results of a command.
enum StandardOutput {
    /// Value of `errno` after the first write that failed; 0 if none did.
    private static let failure = Atomic<Int32>(0)

    /// Writes text, unless an earlier write failed.
    static func write(_ text: String) {
        guard failure.load(ordering: .relaxed) == 0 else { return }
        failure.store(writeAll(text, to: STDOUT_FILENO), ordering: .relaxed)
    }

    /// Checks that all output was written.
    ///
    /// - Throws: `PixNerdError` with the system's reason.
    static func check() throws {
        if failure.load(ordering: .relaxed) == 0 {
            // Network file systems report a full disk only when a descriptor is closed.
            let copy = dup(STDOUT_FILENO)
            if copy >= 0, close(copy) != 0 { failure.store(errno, ordering: .relaxed) }
        }
        let number = failure.load(ordering: .relaxed)
        guard number != 0 else { return }
        throw PixNerdError(
            .system, "Standard output", found: "cannot be written: \(String(cString: strerror(number)))",
            advice: "files that the command wrote are complete, but what it prints is not")
    }
}

/// Messages about a command's work.
enum StandardError {
    /// Writes text. Whoever read it may be gone, which must not end the work.
    static func write(_ text: String) { _ = writeAll(text, to: STDERR_FILENO) }
}

/// Writes text in one call if possible, so that lines of several processes do not mix.
///
/// - Returns: 0, or the value of `errno`.
private func writeAll(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = write(descriptor, part.baseAddress, part.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // The other end shares a pipe that does not block.
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, 1000)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}

enum StandardStreams {
    /// Fills the places of closed standard streams, which the next opened files would take. Messages would then be
    /// written into these files.
    static func fill() {
        while true {
            // For reading only, so that writing to the stream still fails.
            let descriptor = open("/dev/null", O_RDONLY)
            guard (0...STDERR_FILENO).contains(descriptor) else {
                if descriptor > STDERR_FILENO { close(descriptor) }
                return
            }
        }
    }
}
