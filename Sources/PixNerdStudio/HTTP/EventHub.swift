import Foundation
import Hummingbird
import PixNerdSupport
import Synchronization

/// Sends events to all open pages. A page that reads slowly loses the oldest, so that memory stays bounded.
final class EventHub: Sendable {
    private struct Readers {
        var next = 0
        var streams: [Int: AsyncStream<ByteBuffer>.Continuation] = [:]
    }

    /// Maximum number of open pages.
    private static let mostReaders = 100
    /// Maximum number of events that wait for a page.
    private static let mostWaiting = 64

    private let readers = Mutex(Readers())

    /// Whether any page listens.
    var isHeard: Bool { readers.withLock { !$0.streams.isEmpty } }

    /// Sends an event.
    ///
    /// - Parameter makeValue: Called only if a page listens.
    func send<Value: Encodable>(_ name: String, _ makeValue: @autoclosure () throws -> Value) {
        let streams = readers.withLock { Array($0.streams.values) }
        guard !streams.isEmpty, let value = try? makeValue(), let event = Self.event(name, value) else { return }
        for stream in streams { stream.yield(event) }
    }

    /// The bytes of an event.
    static func event(_ name: String?, _ value: some Encodable) -> ByteBuffer? {
        guard let json = try? JSON.encoder(snakeCase: true).encode(value) else { return nil }
        var buffer = ByteBuffer()
        if let name { buffer.writeString("event: \(name)\n") }
        buffer.writeString("data: ")
        buffer.writeBytes(json)
        buffer.writeString("\n\n")
        return buffer
    }

    /// An answer that stays open and sends all events to come.
    ///
    /// - Parameter first: The event that it begins with.
    /// - Throws: `StudioFailure` if too many pages are open.
    func response(first: ByteBuffer?) throws -> Response {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ByteBuffer.self, bufferingPolicy: .bufferingNewest(Self.mostWaiting))
        let number = try readers.withLock { readers in
            guard readers.streams.count < Self.mostReaders else {
                throw StudioFailure(
                    .tooManyRequests, "\(Self.mostReaders) pages are open already.", code: "pages", retryAfter: 30)
            }
            readers.next += 1
            readers.streams[readers.next] = continuation
            return readers.next
        }
        if let first { continuation.yield(first) }
        continuation.onTermination = { [weak self] _ in
            self?.readers.withLock { _ = $0.streams.removeValue(forKey: number) }
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                defer { continuation.finish() }
                for await event in stream { try await writer.write(event) }
                try await writer.finish(nil)
            })
    }

    /// Sends a comment to all pages every few seconds, so that connections that are gone are noticed, until the task is
    /// cancelled.
    func keepAlive() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .seconds(15)) } catch { break }
            for stream in readers.withLock({ Array($0.streams.values) }) { stream.yield(ByteBuffer(string: ":\n\n")) }
        }
    }

    /// Ends all answers.
    func finish() {
        for stream in readers.withLock({ Array($0.streams.values) }) { stream.finish() }
    }
}
