import Foundation
import PixNerdSupport
import Synchronization

/// Progress of long work on standard error: one line that is redrawn on a terminal, a plain line now and then elsewhere.
final class ProgressBar {
    private let total: Int
    private let start: Date
    private let first: Int
    private let isPercentage: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown = Date.distantPast
    /// Whether the terminal shows a line of progress that no line break ends yet.
    private static let isLineOpen = Atomic<Bool>(false)

    /// - Parameters:
    ///   - total: the steps of the whole work.
    ///   - first: the steps that were done before, which do not count for the time left.
    ///   - start: when the first of the others began.
    ///   - isPercentage: whether steps are per cent.
    init(total: Int, first: Int = 0, start: Date = Date(), isPercentage: Bool = false) {
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
    func show(_ done: Int, _ details: String) {
        let now = Date()
        guard now.timeIntervalSince(lastShown) >= (isTerminal ? 0.1 : 30) || done == total else { return }
        lastShown = now
        let line = ProgressLine(
            done: done, total: total, isPercentage: isPercentage, details: details,
            time: Self.timeText(done: done, first: first, total: total, seconds: now.timeIntervalSince(start)))
        if isTerminal {
            // The rest of the line is cleared, whatever was there.
            Self.write("\r\(line.text(width: Self.terminalWidth))\u{1B}[K")
            Self.isLineOpen.store(true, ordering: .relaxed)
        } else {
            Self.write("\(line.text)\n")
        }
    }

    /// Ends the line of progress, where one is shown, so that what follows is written below it.
    static func breakLine() {
        if isLineOpen.exchange(false, ordering: .relaxed) { write("\n") }
    }

    /// Shows the progress that a library reports.
    static func handler() -> ProgressHandler {
        var bar: ProgressBar?
        let start = Date()
        return { progress in
            let shown = bar ?? ProgressBar(total: progress.total, first: progress.first, start: start)
            bar = shown
            shown.show(progress.done, progress.details)
        }
    }

    /// Columns of the terminal; 80 where it does not say.
    private static var terminalWidth: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// How long the work took, or will still take; empty while one step has to tell for all, as the first is slow.
    static func timeText(done: Int, first: Int, total: Int, seconds: Double) -> String {
        guard done < total else { return "took \(durationText(seconds))" }
        guard done > first + 1 || done > first && seconds > 5 else { return "" }
        return "\(durationText(seconds / Double(done - first) * Double(total - done))) left"
    }

    private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
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
