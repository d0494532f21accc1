import Hummingbird
import NIOCore
import Synchronization

/// Notices that a client has closed its connection, so that work for it can end.
final class ClientLeaving: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private struct State {
        var hasLeft = false
        var next = 0
        var callbacks: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { leave() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        let callbacks = state.withLock { state in
            defer { state.callbacks = [:] }
            state.hasLeft = true
            return Array(state.callbacks.values)
        }
        for callback in callbacks { callback() }
    }

    /// Calls `body` when the client leaves, at once if it has left, until `remove` is called with the returned number.
    fileprivate func add(_ body: @escaping @Sendable () -> Void) -> Int {
        let (number, hasLeft) = state.withLock { state in
            state.next += 1
            if !state.hasLeft { state.callbacks[state.next] = body }
            return (state.next, state.hasLeft)
        }
        if hasLeft { body() }
        return number
    }

    fileprivate func remove(_ number: Int) { state.withLock { _ = $0.callbacks.removeValue(forKey: number) } }
}

/// What is known of a request: its parameters, and its connection.
struct StudioRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Runs `operation`, and calls `onLeave` if the client closes the connection meanwhile.
    func whileConnected<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value, onLeave: @escaping @Sendable () -> Void
    ) async throws -> Value {
        guard let leaving = try? await channel.pipeline.handler(type: ClientLeaving.self).get() else {
            return try await operation()
        }
        let number = leaving.add(onLeave)
        defer { leaving.remove(number) }
        return try await operation()
    }
}
