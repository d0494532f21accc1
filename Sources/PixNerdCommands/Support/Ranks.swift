import Foundation
import PixNerdDistributed
import PixNerdSupport
import PixNerdTensors

/// A command that can run in several processes started by `mpirun`. All other commands refuse to.
protocol RankedCommand {}

extension Communicator {
    /// The communicator of the processes that run this command. It checks that all run the same program, and divides
    /// the processors of each machine among them if no number of threads is given.
    ///
    /// - Throws: an error if they cannot work together.
    static func forCommand(threads: Int? = nil) throws -> Communicator {
        let communicator = try ofLaunch()
        guard communicator.size > 1 else { return communicator }
        let program = try communicator.agree { try Fingerprint.text(ofFile: "/proc/self/exe") }
        try communicator.expectSame("program", program, advice: "install the same build of pixnerd on all machines")
        if threads == nil { Threads.count = communicator.defaultThreads }
        return communicator
    }
}

/// Ends this process in a way that lets the other ranks end too.
enum RankedEnd {
    /// Runs code that behaves the same on all ranks before they have joined; only rank 0 shows its error.
    static func onlyRankZeroShows<R>(_ body: () throws -> R) -> R {
        do {
            return try body()
        } catch {
            guard Launch.rank == 0 else { exit(EXIT_SUCCESS) }
            end(Flags.readable(error))
        }
    }

    /// Leaves the other ranks after success.
    static func leave() {
        guard Launch.isParallel else { return }
        (try? Communicator.ofLaunch())?.leave()
    }

    /// Shows an error and ends the process.
    static func fail(_ error: any Error) -> Never {
        ProgressBar.breakLine()
        let error = Flags.readable(error)
        guard Launch.isParallel else { end(error) }
        guard error is SharedError, let communicator = try? Communicator.ofLaunch() else {
            // The launcher sees this process end with an error and ends the others.
            show(Launch.rank == 0 ? error : NamedError(description: "\(ownName): \(error)"))
            exit(EXIT_FAILURE)
        }
        // All ranks have this error; the root shows it before any of them ends, since the launcher then prints a lot.
        if communicator.isRoot { show(error) }
        communicator.leave()
        exit(EXIT_FAILURE)
    }

    /// Shows an error, or the help or version that was asked for, and ends the process.
    private static func end(_ error: any Error) -> Never {
        let code = PixNerdCommand.exitCode(for: error)
        guard code.isSuccess else {
            show(error)
            exit(code.rawValue)
        }
        let text = PixNerdCommand.fullMessage(for: error)
        if !text.isEmpty { print(text) }
        do {
            try StandardOutput.check()
        } catch {
            show(Flags.readable(error))
            exit(EXIT_FAILURE)
        }
        exit(code.rawValue)
    }

    /// Prints an error in one write, so that the launcher's output cannot interleave with it.
    private static func show(_ error: any Error) {
        let text = PixNerdCommand.fullMessage(for: error)
        if !text.isEmpty { StandardError.write("\(text)\n") }
    }

    private static var ownName: String { "rank \(Launch.rank) on \(ProcessInfo.processInfo.hostName)" }

    private struct NamedError: Error, CustomStringConvertible { let description: String }
}
