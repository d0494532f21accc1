import Foundation
import PixNerdSupport
import Synchronization

/// A training in a process of its own, which the studio started.
final class TrainingProcess: TrainingControl {
    private let process: Process
    private let isPaused = Mutex(false)
    private let ending = EndOfWork()

    /// Starts a training.
    ///
    /// - Parameters:
    ///   - executable: Path of the program.
    ///   - arguments: The arguments with which it trains.
    ///   - log: File that receives what it prints, appended.
    /// - Throws: `PixNerdError` if it cannot be started.
    init(executable: String, arguments: [String], log: String) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        if !FileManager.default.fileExists(atPath: log) {
            try AtomicFile.write(Data(), to: log)
        }
        guard let output = FileHandle(forWritingAtPath: log) else {
            throw PixNerdError(.system, "\(log)", found: "cannot be written: \(systemReason())")
        }
        _ = try? output.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        process.terminationHandler = { [ending] _ in ending.finish() }
        do {
            try process.run()
        } catch {
            throw PixNerdError(.system, "\(executable)", found: "cannot be started: \(systemReason(error))")
        }
    }

    /// The exit status; 0 while it runs.
    var status: Int32 { process.isRunning ? 0 : process.terminationStatus }

    func end() async { await ending.wait() }

    private func send(_ signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
    }

    func stop() {
        send(SIGINT)
        resume()
    }

    func save() { send(SIGUSR2) }

    func pause() {
        isPaused.withLock { isPaused in
            if !isPaused { send(SIGSTOP) }
            isPaused = true
        }
    }

    func resume() {
        isPaused.withLock { isPaused in
            if isPaused { send(SIGCONT) }
            isPaused = false
        }
    }
}
