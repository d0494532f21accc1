import Synchronization

/// Where the time of a computation goes, operator by operator.
///
/// Off until `start`: an operator then pays one look at a flag. Only the thread that computes opens spans, so nested
/// operators (a linear layer inside the gated MLP) take their own time out of the outer one's.
public enum OperatorProfile {
    /// What one kind of operator took since `start`.
    public struct Entry: Sendable, Equatable {
        public let name: String
        public var calls: Int
        public var seconds: Double
        /// Multiply-adds of its matrix products.
        public var multiplyAdds: Int
    }

    private struct State {
        var isOn = false
        var entries: [String: Entry] = [:]
        var open: [Span] = []
    }

    /// An operator that has begun.
    fileprivate struct Span {
        let name: String
        let start: ContinuousClock.Instant
        let multiplyAdds: Int
        var insideSeconds = 0.0
        var insideMultiplyAdds = 0
    }

    private static let isOn = Atomic<Bool>(false)
    private static let state = Mutex(State())
    private static let multiplied = Atomic<Int>(0)

    /// Multiply-adds of all matrix products of the process so far.
    public static var multiplyAdds: Int { multiplied.load(ordering: .relaxed) }

    static func count(multiplyAdds: Int) { multiplied.wrappingAdd(multiplyAdds, ordering: .relaxed) }

    /// Begins to measure, forgetting what was measured before.
    public static func start() {
        state.withLock { $0 = State() }
        isOn.store(true, ordering: .relaxed)
    }

    /// Ends measuring.
    ///
    /// - Returns: the operators, the longest first.
    public static func stop() -> [Entry] {
        isOn.store(false, ordering: .relaxed)
        return state.withLock { $0.entries.values.sorted { $0.seconds > $1.seconds } }
    }

    /// An operator begins; each `begin` has its `end` on the same thread.
    static func begin(_ name: @autoclosure () -> String) {
        guard isOn.load(ordering: .relaxed) else { return }
        let span = Span(name: name(), start: .now, multiplyAdds: multiplyAdds)
        state.withLock { $0.open.append(span) }
    }

    /// The operator that began last has ended.
    static func end() {
        guard isOn.load(ordering: .relaxed) else { return }
        state.withLock { close(&$0) }
    }

    private static func close(_ state: inout State) {
        guard let span = state.open.popLast() else { return }
        let duration = span.start.duration(to: .now).components
        let seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
        let products = multiplyAdds - span.multiplyAdds
        var entry = state.entries[span.name] ?? Entry(name: span.name, calls: 0, seconds: 0, multiplyAdds: 0)
        entry.calls += 1
        entry.seconds += seconds - span.insideSeconds
        entry.multiplyAdds += products - span.insideMultiplyAdds
        state.entries[span.name] = entry
        guard !state.open.isEmpty else { return }
        state.open[state.open.count - 1].insideSeconds += seconds
        state.open[state.open.count - 1].insideMultiplyAdds += products
    }
}
