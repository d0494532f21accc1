import Foundation
import Hummingbird
import PixNerdSupport
import Synchronization

/// Sends events to all open pages. A page that reads slowly loses the oldest, so that memory stays bounded.
final class EventHub: Sendable {
    private struct Readers {
        var next = 0
        var waiting: [Int: WaitingEvents] = [:]
    }

    /// Maximum number of open pages.
    private static let mostReaders = 100

    private let readers = Mutex(Readers())

    /// Whether any page listens.
    var isHeard: Bool { readers.withLock { !$0.waiting.isEmpty } }

    private var all: [WaitingEvents] { readers.withLock { Array($0.waiting.values) } }

    /// Sends an event.
    ///
    /// - Parameters:
    ///   - makeValue: Called only if a page listens.
    ///   - subject: What the event is about; it takes the place of one about the same that still waits for a page.
    func send<Value: Encodable>(
        _ name: String, _ makeValue: @autoclosure () throws -> Value, about subject: String? = nil
    ) {
        let readers = all
        guard !readers.isEmpty, let value = try? makeValue(), let event = Self.event(name, value) else { return }
        for reader in readers { reader.add(event, about: subject) }
    }

    /// The bytes of an event.
    static func event(_ name: String, _ value: some Encodable) -> ByteBuffer? {
        guard let json = try? JSON.encoder(snakeCase: true).encode(value) else { return nil }
        var buffer = ByteBuffer(string: "event: \(name)\ndata: ")
        buffer.writeBytes(json)
        buffer.writeString("\n\n")
        return buffer
    }

    /// An answer that stays open and sends all events to come.
    ///
    /// - Parameter first: The event that it begins with.
    /// - Throws: `StudioFailure` if too many pages are open.
    func response(first: ByteBuffer?) throws -> Response {
        let waiting = WaitingEvents()
        let number = try readers.withLock { readers in
            guard readers.waiting.count < Self.mostReaders else {
                throw StudioFailure(
                    .tooManyRequests, "\(Self.mostReaders) pages are open already.", code: "pages", retryAfter: 30)
            }
            readers.next += 1
            readers.waiting[readers.next] = waiting
            return readers.next
        }
        if let first { waiting.add(first) }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { [weak self] writer in
                defer { self?.readers.withLock { _ = $0.waiting.removeValue(forKey: number) } }
                while let event = await waiting.next() { try await writer.write(event) }
                try await writer.finish(nil)
            })
    }

    /// Sends a comment to all pages every few seconds, so that connections that are gone are noticed, until the task is
    /// cancelled.
    func keepAlive() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .seconds(15)) } catch { break }
            for reader in all { reader.add(ByteBuffer(string: ":\n\n")) }
        }
    }

    /// Ends all answers.
    func finish() {
        for reader in all { reader.finish() }
    }
}

/// The events that wait for a page. If they take too much memory, the oldest go.
private final class WaitingEvents: Sendable {
    private struct State {
        var events: [(subject: String?, bytes: ByteBuffer)] = []
        var bytes = 0
        var isOver = false
    }

    /// Maximum number of bytes that wait; the newest event may be larger.
    private static let mostBytes = 8 << 20

    private let state = Mutex(State())
    private let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    func add(_ event: ByteBuffer, about subject: String? = nil) {
        state.withLock { state in
            state.bytes += event.readableBytes
            if let subject, let place = state.events.firstIndex(where: { $0.subject == subject }) {
                state.bytes -= state.events[place].bytes.readableBytes
                state.events[place].bytes = event
            } else {
                state.events.append((subject, event))
            }
            while state.bytes > Self.mostBytes, state.events.count > 1 {
                state.bytes -= state.events.removeFirst().bytes.readableBytes
            }
        }
        signal.yield()
    }

    func finish() {
        state.withLock { $0.isOver = true }
        signal.finish()
    }

    /// The oldest event, when there is one; nil at the end. One task reads at a time.
    func next() async -> ByteBuffer? {
        while true {
            let (event, isOver) = state.withLock { state -> (ByteBuffer?, Bool) in
                guard !state.events.isEmpty else { return (nil, state.isOver) }
                let event = state.events.removeFirst().bytes
                state.bytes -= event.readableBytes
                return (event, false)
            }
            if let event { return event }
            if isOver || Task.isCancelled { return nil }
            for await _ in signals { break }
        }
    }
}
