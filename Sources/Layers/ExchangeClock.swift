import Synchronization

/// Measures how much of the sums of gradients goes on beside the backward pass.
final class ExchangeClock: Sendable {
    private struct State {
        var sums = Duration.zero
        var exposed = Duration.zero
        var ended: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    func begin() { state.withLock { $0.ended = nil } }

    /// A bucket's sum took so long, the wait for other processes to come to it included.
    func add(_ duration: Duration) { state.withLock { $0.sums += duration } }

    func backwardEnded() { state.withLock { $0.ended = ContinuousClock.now } }

    func end() {
        state.withLock { state in
            guard let ended = state.ended else { return }
            state.exposed += ContinuousClock.now - ended
        }
    }

    func take() -> (sums: Duration, exposed: Duration) {
        state.withLock { state in
            defer { state = State() }
            return (state.sums, state.exposed)
        }
    }
}
