import Synchronization

/// The error that ended asynchronous work, if any.
final class Outcome: Sendable {
    let error = Mutex<(any Error)?>(nil)
}
