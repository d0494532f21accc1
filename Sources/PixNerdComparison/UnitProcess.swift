import Foundation
import Synchronization

/// A unit of a comparison in a process of its own, whose memory is that of this unit alone.
///
/// The process listens on its standard input: a byte asks it to stop when it can, and the end of it, which comes when whoever
/// started it is gone, ends it at once.
public enum UnitProcess {
    /// What the process ends with where it was asked to stop.
    public static let stopped: Int32 = 75

    /// How a process ended.
    public enum Outcome: Equatable {
        case finished
        case stopped
        /// It has said why.
        case failed
        case killed(signal: Int32)
    }

    /// Runs this program with other arguments until it ends.
    ///
    /// - Parameter shouldStop: where it says so, the process is asked to stop.
    public static func run(_ arguments: [String], shouldStop: () -> Bool) throws -> Outcome {
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        process.standardInput = input
        try process.run()
        var isAsked = false
        while process.isRunning {
            if !isAsked, shouldStop() {
                isAsked = true
                // It may just have ended.
                try? input.fileHandleForWriting.write(contentsOf: [0])
            }
            usleep(50_000)
        }
        process.waitUntilExit()
        guard process.terminationReason == .exit else {
            // Ctrl-C also came to the process, perhaps before it listened.
            return shouldStop() ? .stopped : .killed(signal: process.terminationStatus)
        }
        switch process.terminationStatus {
        case 0: return .finished
        case Self.stopped: return .stopped
        default: return .failed
        }
    }

    private static let isAskedToStop = Atomic<Bool>(false)

    /// In the process: begins to listen.
    ///
    /// - Returns: says whether it was asked to stop.
    public static func listen() -> () -> Bool {
        // Ctrl-C comes to all processes of a terminal; this one is told by the one that started it.
        signal(SIGINT, SIG_IGN)
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
