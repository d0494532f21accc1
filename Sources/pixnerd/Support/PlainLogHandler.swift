import Foundation
import Logging

/// Writes each message as a line of its own on standard error, with its level where that is not an ordinary notice.
struct PlainLogHandler: LogHandler {
    /// Who says it, where that is not plain; only warnings and errors then, since another one says the rest.
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
        FileHandle.standardError.write(Data("\(prefix)\(event.message)\n".utf8))
    }
}
