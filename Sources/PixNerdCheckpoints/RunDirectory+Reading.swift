import Foundation
import PixNerdSupport

/// A saved step that is being read, which a run that goes on does not remove meanwhile.
///
/// The step's directory is locked for sharing. Where the file system has no such locks, the step may be removed.
package final class StepReading: Sendable {
    private let descriptor: Int32

    /// Begins to read a step; nil if its directory is gone.
    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        _ = lockFile(descriptor, isShared: true)
        // It may have been removed before it was locked.
        guard WorkLock.isSame(descriptor, path) else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Runs `body` unless some process reads the step.
    static func unlessRead(_ path: String, _ body: () throws -> Void) rethrows {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return try body() }
        defer { close(descriptor) }
        if case .held = lockFile(descriptor) { return }
        try body()
    }
}

extension RunDirectory {
    /// The newest saved step, kept from removal for the life of the returned object; nil if there is none.
    package func readNewestStep() -> (path: String, reading: StepReading?)? {
        // A step that is removed right now has a newer one after it.
        for _ in 0..<100 {
            guard let step = savedSteps.last else { return nil }
            if let reading = StepReading(stepPath(step)) { return (stepPath(step), reading) }
        }
        return savedSteps.last.map { (stepPath($0), nil) }
    }
}
