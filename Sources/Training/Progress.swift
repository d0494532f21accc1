import Foundation

/// Progress of long work on standard error: one line that is redrawn on a terminal, a plain line now and then elsewhere.
public final class Progress {
    private let total: Int
    private let start = Date()
    private let first: Int
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown = Date.distantPast
    private var lastWidth = 0

    /// - Parameters:
    ///   - total: the steps of the whole work.
    ///   - first: the steps that were done before, which do not count for the time left.
    public init(total: Int, first: Int = 0) {
        self.total = total
        self.first = first
    }

    /// Shows how far the work is.
    ///
    /// - Parameters:
    ///   - done: the steps that are done.
    ///   - details: what else there is to say, such as the loss.
    public func show(_ done: Int, _ details: String) {
        let now = Date()
        guard now.timeIntervalSince(lastShown) >= (isTerminal ? 0.1 : 30) || done == total else { return }
        lastShown = now
        let line = "\(done)/\(total)  \(details)  \(timeLeft(done, now))"
        if isTerminal {
            let bar = self.bar(done) + " " + line
            write("\r" + bar + String(repeating: " ", count: max(0, lastWidth - bar.count)))
            lastWidth = bar.count
        } else {
            write(line + "\n")
        }
    }

    /// Leaves the line as it is and goes on below it.
    public func finish() {
        if isTerminal && lastWidth > 0 { write("\n") }
        lastWidth = 0
    }

    private func bar(_ done: Int) -> String {
        let width = 24
        let filled = total > 0 ? done * width / total : width
        return "[" + String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled) + "]"
    }

    private func timeLeft(_ done: Int, _ now: Date) -> String {
        let elapsed = now.timeIntervalSince(start)
        guard done > first else { return "" }
        guard done < total else { return "took \(Self.duration(elapsed))" }
        return "\(Self.duration(elapsed / Double(done - first) * Double(total - done))) left"
    }

    /// Such as "1:02:03" or "2:03".
    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        let tail = String(format: "%02d", whole % 60)
        return hours > 0 ? "\(hours):\(String(format: "%02d", minutes)):\(tail)" : "\(minutes):\(tail)"
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
