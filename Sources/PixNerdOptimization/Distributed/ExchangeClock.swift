import Synchronization

/// How long gradients of several processes were summed, the wait for each other included.
public struct ExchangeTimes: Sendable {
    public internal(set) var sums = Duration.zero
    /// What of that came after the backward pass.
    public internal(set) var exposed = Duration.zero

    /// The share that the backward pass hid, 0 ... 1.
    public var hidden: Double { max(0, 1 - exposed / sums) }
}

/// Measures how much of the sums of gradients goes on beside the backward pass.
package final class ExchangeClock: Sendable {
    private struct State {
        var times = ExchangeTimes()
        var ended: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    package func begin() { state.withLock { $0.ended = nil } }

    /// A bucket's sum took so long, the wait for other processes to come to it included.
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
