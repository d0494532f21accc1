import Synchronization

/// Time spent summing gradients over processes, including the wait for the other processes.
public struct ExchangeTimes: Sendable {
    /// Total time of the sums.
    public internal(set) var sums = Duration.zero
    /// Part of that time that came after the backward pass.
    public internal(set) var exposed = Duration.zero

    /// Fraction of the time that was hidden behind the backward pass, 0 ... 1.
    public var hidden: Double { max(0, 1 - exposed / sums) }
}

/// Measures how much of the time for summing gradients overlaps with the backward pass.
package final class ExchangeClock: Sendable {
    private struct State {
        var times = ExchangeTimes()
        var ended: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    package func begin() { state.withLock { $0.ended = nil } }

    /// Adds the time that the sum of a bucket took, including the wait for other processes.
    package func add(_ duration: Duration) { state.withLock { $0.times.sums += duration } }

    package func backwardEnded() { state.withLock { $0.ended = ContinuousClock.now } }

    package func end() {
        state.withLock { state in
            guard let ended = state.ended else { return }
            state.times.exposed += ContinuousClock.now - ended
        }
    }

    package func take() -> ExchangeTimes {
        state.withLock { state in
            defer { state = State() }
            return state.times
        }
    }
}
