import Logging
import Synchronization

/// Keeps what is logged.
final class LogKeeper: LogHandler, Sendable {
    let messages = Mutex<[String]>([])
    var logLevel: Logger.Level {
        get { .trace }
        set { _ = newValue }
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set { _ = newValue }
    }
    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set { _ = newValue }
    }
    func log(event: LogEvent) {
        messages.withLock { $0.append("\(event.level): \(event.message)") }
    }

    var logger: Logger { Logger(label: "test") { _ in self } }
}
