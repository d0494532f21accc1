import Foundation
import PixNerdSupport
import Synchronization

/// A progress bar on standard error: a line that is redrawn on a terminal, or else a plain line every 30 seconds.
final class ProgressBar {
    private let total: Int
    private let start: Date
    private let first: Int
    private let isPercentage: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastShown = Date.distantPast
    /// Whether the terminal shows a progress line that is not yet ended by a line break.
    private static let isLineOpen = Atomic<Bool>(false)

    /// - Parameters:
    ///   - total: number of steps in all.
    ///   - first: number of steps done earlier, which the estimate of the remaining time ignores.
    ///   - start: start of the first of the remaining steps.
    ///   - isPercentage: whether steps are per cent.
    init(total: Int, first: Int = 0, start: Date = Date(), isPercentage: Bool = false) {
        self.total = total
        self.first = first
        self.start = start
        self.isPercentage = isPercentage
    }

    /// Updates the progress bar.
    ///
    /// - Parameters:
    ///   - done: number of finished steps.
    ///   - details: further information, such as the loss, in fields separated by two spaces; the last fields are left
    ///     out if the terminal is too narrow.
    func show(_ done: Int, _ details: String) {
        let now = Date()
        guard now.timeIntervalSince(lastShown) >= (isTerminal ? 0.1 : 30) || done == total else { return }
        lastShown = now
        let line = ProgressLine(
            done: done, total: total, isPercentage: isPercentage, details: details,
            time: Self.timeText(done: done, first: first, total: total, seconds: now.timeIntervalSince(start)))
        if isTerminal {
            // Clears the rest of the line.
            Self.write("\r\(line.text(width: Self.terminalWidth))\u{1B}[K")
            Self.isLineOpen.store(true, ordering: .relaxed)
        } else {
            Self.write("\(line.text)\n")
        }
    }

    /// Ends the progress line, if one is shown, so that further output is written below it.
    static func breakLine() {
        if isLineOpen.exchange(false, ordering: .relaxed) { write("\n") }
    }

    /// A handler that shows the progress reported by a library.
    static func handler() -> ProgressHandler {
        var bar: ProgressBar?
        let start = Date()
        return { progress in
            let shown = bar ?? ProgressBar(total: progress.total, first: progress.first, start: start)
            bar = shown
            shown.show(progress.done, progress.details)
        }
    }

    /// Number of columns of the terminal; 80 if unknown.
    private static var terminalWidth: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// The time that the work took or will still take; empty during the first step, which is slow and no good estimate.
    static func timeText(done: Int, first: Int, total: Int, seconds: Double) -> String {
        guard done < total else { return "took \(durationText(seconds))" }
        guard done > first + 1 || done > first && seconds > 5 else { return "" }
        return "\(durationText(seconds / Double(done - first) * Double(total - done))) left"
    }

    private static func write(_ text: String) { StandardError.write(text) }
}

/// The contents of a progress line.
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

    /// The line with a bar if it fits the width; else without the bar, and then without the last details, so that it
    /// never wraps.
    func text(width: Int) -> String {
        // The last column is left free, since some terminals wrap when it is written.
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
