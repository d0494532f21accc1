import Foundation

/// Progress of long work on standard error: one line that is redrawn on a terminal, a plain line now and then elsewhere.
public final class Progress {
    private let total: Int
    private let start: Date
    private let first: Int
    private let isPercentage: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown = Date.distantPast
    private var isShown = false

    /// - Parameters:
    ///   - total: the steps of the whole work.
    ///   - first: the steps that were done before, which do not count for the time left.
    ///   - start: when the first of the others began.
    ///   - isPercentage: whether steps are per cent.
    public init(total: Int, first: Int = 0, start: Date = Date(), isPercentage: Bool = false) {
        self.total = total
        self.first = first
        self.start = start
        self.isPercentage = isPercentage
    }

    /// Shows how far the work is.
    ///
    /// - Parameters:
    ///   - done: the steps that are done.
    ///   - details: what else there is to say, such as the loss; two spaces part what may be left out where room is short.
    public func show(_ done: Int, _ details: String) {
        let now = Date()
        guard now.timeIntervalSince(lastShown) >= (isTerminal ? 0.1 : 30) || done == total else { return }
        lastShown = now
        let line = ProgressLine(
            done: done, total: total, isPercentage: isPercentage, details: details,
            time: Self.timeText(done: done, first: first, total: total, seconds: now.timeIntervalSince(start)))
        if isTerminal {
            // The rest of the line is cleared, whatever was there.
            write("\r\(line.text(width: Self.terminalWidth))\u{1B}[K")
            isShown = true
        } else {
            write("\(line.text)\n")
        }
    }

    /// Leaves the line as it is and goes on below it.
    public func finish() {
        if isShown { write("\n") }
        isShown = false
    }

    /// Columns of the terminal; 80 where it does not say.
    private static var terminalWidth: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// How long the work took, or will still take; empty while one step has to tell for all, as the first is slow.
    static func timeText(done: Int, first: Int, total: Int, seconds: Double) -> String {
        guard done < total else { return "took \(duration(seconds))" }
        guard done > first + 1 || done > first && seconds > 5 else { return "" }
        return "\(duration(seconds / Double(done - first) * Double(total - done))) left"
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

/// What a line of progress says.
struct ProgressLine {
    let done: Int
    let total: Int
    let isPercentage: Bool
    let details: String
    let time: String

    private var counter: String { isPercentage ? "\(done) %" : "\(done)/\(total)" }

    /// The line without a bar.
    var text: String { joined(details) }

    private func joined(_ details: String) -> String {
        [counter, details, time].filter { !$0.isEmpty }.joined(separator: "  ")
    }

    /// The line with a bar where there is room for all; else without it, then with fewer details from the last on, so that it
    /// never runs into the next line.
    func text(width: Int) -> String {
        // The last column is left free: some terminals go to the next line when it is written.
        let room = width - 1
        let full = "\(bar) \(text)"
        guard full.count > room else { return full }
        var fields = details.components(separatedBy: "  ")
        while joined(fields.joined(separator: "  ")).count > room, !fields.isEmpty { fields.removeLast() }
        return String(joined(fields.joined(separator: "  ")).prefix(max(room, 0)))
    }

    private var bar: String {
        let width = 24
        let filled = total > 0 ? min(width, done * width / total) : width
        return "[" + String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled) + "]"
    }
}
