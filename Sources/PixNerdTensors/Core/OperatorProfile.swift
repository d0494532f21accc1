import Synchronization

/// A profile of the time that each operator takes.
///
/// Off until `start`; until then an operator only checks a flag. Only the thread that computes opens spans. The time of
/// a nested operator (a linear layer inside the gated MLP) is not counted for the outer one.
public enum OperatorProfile {
    /// Totals of one kind of operator since `start`.
    public struct Entry: Sendable, Equatable {
        public let name: String
        public var calls: Int
        public var seconds: Double
        /// Multiply-adds of its matmuls.
        public var multiplyAdds: Int
    }

    private struct State {
        var isOn = false
        var entries: [String: Entry] = [:]
        var open: [Span] = []
    }

    /// An operator that is still running.
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

    /// Multiply-adds of all matmuls of the process so far.
    public static var multiplyAdds: Int { multiplied.load(ordering: .relaxed) }

    static func count(multiplyAdds: Int) { multiplied.wrappingAdd(multiplyAdds, ordering: .relaxed) }

    /// Starts measuring and discards earlier measurements.
    public static func start() {
        state.withLock { $0 = State() }
        isOn.store(true, ordering: .relaxed)
    }

    /// Stops measuring.
    ///
    /// - Returns: the totals of all operators, longest time first.
    public static func stop() -> [Entry] {
        isOn.store(false, ordering: .relaxed)
        return state.withLock { $0.entries.values.sorted { $0.seconds > $1.seconds } }
    }

    /// Marks the start of an operator. Every `begin` needs an `end` on the same thread.
    static func begin(_ name: @autoclosure () -> String) {
        guard isOn.load(ordering: .relaxed) else { return }
        let span = Span(name: name(), start: .now, multiplyAdds: multiplyAdds)
        state.withLock { $0.open.append(span) }
    }

    /// Marks the end of the operator that began last.
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
