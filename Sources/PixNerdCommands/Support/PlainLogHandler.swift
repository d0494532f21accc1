import Foundation
import Logging

/// A log handler that writes each message as a line on standard error, with its level if that is above notice.
struct PlainLogHandler: LogHandler {
    /// Name of the rank that logs; nil for the root. Other ranks log warnings and errors only.
    private let speaker: String?
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level

    init(speaker: String?) {
        self.speaker = speaker
        logLevel = speaker == nil ? .info : .warning
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        ProgressBar.breakLine()
        let prefix = (event.level > .notice ? "\(event.level): " : "") + (speaker.map { "\($0): " } ?? "")
        StandardError.write("\(prefix)\(event.message)\n")
    }
}
