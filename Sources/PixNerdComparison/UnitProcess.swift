import Foundation
import PixNerdSupport
import Synchronization

/// Runs a unit of a comparison in a process of its own, so that its memory can be measured.
///
/// The process listens on its standard input: a byte asks it to stop in a resumable state, as SIGTERM does. End of file,
/// which comes when the parent is gone, ends it at once.
public enum UnitProcess {
    /// Exit status of a process that was asked to stop.
    public static let stopped: Int32 = 75

    /// Outcome of a process.
    public enum Outcome: Equatable {
        case finished
        case stopped
        /// The process failed and has printed the reason.
        case failed
        case killed(signal: Int32)
    }

    /// Runs this program with other arguments until it exits.
    ///
    /// - Parameter shouldStop: polled meanwhile; true asks the process to stop.
    public static func run(_ arguments: [String], shouldStop: () -> Bool) throws -> Outcome {
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        process.standardInput = input
        do {
            try process.run()
        } catch {
            throw PixNerdError(
                .system, "A process for a unit of the comparison", found: "cannot be started: \(systemReason(error))")
        }
        var isAsked = false
        while process.isRunning {
            if !isAsked, shouldStop() {
                isAsked = true
                // The process may just have exited.
                try? input.fileHandleForWriting.write(contentsOf: [0])
            }
            usleep(50_000)
        }
        process.waitUntilExit()
        guard process.terminationReason == .exit else {
            // Ctrl-C also reached the process, perhaps before it listened.
            return shouldStop() ? .stopped : .killed(signal: process.terminationStatus)
        }
        switch process.terminationStatus {
        case 0: return .finished
        case Self.stopped: return .stopped
        default: return .failed
        }
    }

    private static let isAskedToStop = Atomic<Bool>(false)

    /// Starts listening for requests to stop. For the child process.
    ///
    /// - Returns: a function that returns whether a stop was requested.
    public static func listen() -> () -> Bool {
        // A terminal sends Ctrl-C, and SIGHUP when it closes, to all processes; this one is told to stop by its parent.
        signal(SIGINT, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        // A batch system ends all processes by SIGTERM.
        signal(SIGTERM) { _ in UnitProcess.isAskedToStop.store(true, ordering: .relaxed) }
        Thread.detachNewThread {
            var byte: UInt8 = 0
            while true {
                let count = read(STDIN_FILENO, &byte, 1)
                if count == 1 {
                    isAskedToStop.store(true, ordering: .relaxed)
                } else if count == 0 || errno != EINTR {
                    _exit(stopped)
                }
            }
        }
        return { isAskedToStop.load(ordering: .relaxed) }
    }
}
