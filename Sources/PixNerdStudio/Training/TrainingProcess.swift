import Foundation
import PixNerdSupport
import Synchronization

/// A training in a process of its own, which the studio started.
final class TrainingProcess: TrainingControl {
    private let process: Process
    private let isPaused = Mutex(false)
    private let waiters = Mutex<(isOver: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

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
        process.terminationHandler = { [weak self] _ in self?.ended() }
        do {
            try process.run()
        } catch {
            throw PixNerdError(.system, "\(executable)", found: "cannot be started: \(systemReason(error))")
        }
    }

    private func ended() {
        let waiting = waiters.withLock { waiters in
            defer { waiters = (true, []) }
            return waiters.waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    /// The exit status; 0 while it runs.
    var status: Int32 { process.isRunning ? 0 : process.terminationStatus }

    func end() async {
        await withCheckedContinuation { continuation in
            let isOver = waiters.withLock { waiters in
                if !waiters.isOver { waiters.waiting.append(continuation) }
                return waiters.isOver
            }
            if isOver { continuation.resume() }
        }
    }

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
