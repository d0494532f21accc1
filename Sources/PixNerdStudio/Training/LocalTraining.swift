import Foundation
import PixNerdTraining
import Synchronization

/// A training of this process, which a studio shows and controls.
///
/// The training asks `shouldStop` and `shouldSave` after each step, and calls `finish` at its end.
public final class LocalTraining: TrainingControl {
    private struct State {
        var isStopped = false
        var isSaveAsked = false
        var isPaused = false
    }

    private let state = Mutex(State())
    private let ending = EndOfWork()
    private let isInterrupted: @Sendable () -> Bool

    /// - Parameter isInterrupted: Whether the user has asked the program to end.
    public init(isInterrupted: @escaping @Sendable () -> Bool) { self.isInterrupted = isInterrupted }

    /// Whether the training shall save and end. While it is paused, the call waits.
    public func shouldStop() -> Bool {
        while true {
            let (isStopped, isPaused) = state.withLock { ($0.isStopped, $0.isPaused) }
            if isStopped || isInterrupted() { return true }
            guard isPaused else { return false }
            usleep(5000)
        }
    }

    /// Whether the training shall save now; true once for each wish.
    public func shouldSave() -> Bool {
        state.withLock { state in
            defer { state.isSaveAsked = false }
            return state.isSaveAsked
        }
    }

    /// Whether the training has ended.
    public var isOver: Bool { ending.isOver }

    /// Tells that the training has ended.
    public func finish() { ending.finish() }

    func stop() { state.withLock { $0.isStopped = true } }
    func save() { state.withLock { $0.isSaveAsked = true } }
    func pause() { state.withLock { $0.isPaused = true } }
    func resume() { state.withLock { $0.isPaused = false } }

    func end() async { await ending.wait() }
}

/// A training of this process, beside which a studio runs.
public struct StudioTraining: Sendable {
    let run: String
    let control: LocalTraining
    let configuration: Configuration

    /// - Parameter run: Name of the run, a folder in the studio's folder of runs.
    public init(run: String, control: LocalTraining, configuration: Configuration) {
        (self.run, self.control, self.configuration) = (run, control, configuration)
    }
}
