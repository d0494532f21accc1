import Foundation
import PixNerdDistributed
import PixNerdSupport
import PixNerdTensors

/// A command that several processes, started by `mpirun`, carry out together. All others refuse to be started so.
protocol RankedCommand {}

extension Communicator {
    /// The processes that this command was started in: their program is checked, and they divide the processors of each
    /// machine where no number of threads is asked for.
    ///
    /// - Throws: one sentence where they cannot work together.
    static func forCommand(threads: Int? = nil) throws -> Communicator {
        let communicator = try ofLaunch()
        guard communicator.size > 1 else { return communicator }
        let program = try communicator.agree { try Fingerprint.text(ofFile: "/proc/self/exe") }
        try communicator.expectSame("program", program, advice: "install the same build of pixnerd on all machines")
        if threads == nil { Threads.count = communicator.defaultThreads }
        return communicator
    }
}

/// Ends this process in the way that lets the others end too.
enum RankedEnd {
    /// Runs what does the same in all processes before they have joined; where it fails, one of them says so.
    static func onlyRankZeroShows<R>(_ body: () throws -> R) -> R {
        do {
            return try body()
        } catch {
            guard Launch.rank == 0 else { exit(EXIT_SUCCESS) }
            PixNerdCommand.exit(withError: Flags.readable(error))
        }
    }

    /// After everything went well.
    static func leave() {
        guard Launch.isParallel else { return }
        (try? Communicator.ofLaunch())?.leave()
    }

    /// After an error: shows it and ends the process.
    static func fail(_ error: any Error) -> Never {
        ProgressBar.breakLine()
        let error = Flags.readable(error)
        guard Launch.isParallel else { PixNerdCommand.exit(withError: error) }
        guard error is SharedError, let communicator = try? Communicator.ofLaunch() else {
            // The launcher sees this process end with an error and ends the others.
            show(Launch.rank == 0 ? error : NamedError(description: "\(ownName): \(error)"))
            exit(EXIT_FAILURE)
        }
        // All know of it, and one says it before any of them ends: the launcher has much to say when one does.
        if communicator.isRoot { show(error) }
        communicator.leave()
        exit(EXIT_FAILURE)
    }

    /// In one piece, which nothing that the launcher says can come between.
    private static func show(_ error: any Error) {
        FileHandle.standardError.write(Data("\(PixNerdCommand.fullMessage(for: error))\n".utf8))
    }

    private static var ownName: String { "rank \(Launch.rank) on \(ProcessInfo.processInfo.hostName)" }

    private struct NamedError: Error, CustomStringConvertible { let description: String }
}
