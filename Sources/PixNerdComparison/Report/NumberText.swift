import Foundation
import PixNerdTensors

/// Formats numbers for people.
package enum NumberText {
    /// Three significant digits, never an exponent; words for infinity and NaN.
    package static func short(_ value: Double) -> String {
        guard value.isFinite else { return value > 0 ? "infinite" : "unknown" }
        let size = abs(value)
        let digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4
        return grouped(String(format: "%.\(digits)f", value))
    }

    /// Shortest form, such as `4` and `2.5`.
    package static func plain(_ value: Float) -> String { String(format: "%g", value) }

    /// Three significant digits with an SI prefix, such as `9.34 M`.
    package static func scaled(_ value: Double) -> String {
        let prefixes = [("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)]
        guard let (name, size) = prefixes.first(where: { abs(value) >= $0.1 }) else { return short(value) }
        return "\(short(value / size))\u{a0}\(name)"
    }

    /// Duration in words, such as `12 min 5 s`.
    package static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite else { return short(seconds) }
        guard seconds >= 60, seconds < 1e15 else { return "\(short(seconds))\u{a0}s" }
        let whole = Int(seconds.rounded())
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return hours > 0 ? "\(hours)\u{a0}h \(minutes)\u{a0}min" : "\(minutes)\u{a0}min \(whole % 60)\u{a0}s"
    }

    /// Separates thousands with narrow spaces.
    private static func grouped(_ text: String) -> String {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let whole = parts.first, whole.drop(while: { $0 == "-" }).count > 4 else { return text }
        var result = ""
        for (place, digit) in whole.reversed().enumerated() {
            if place > 0, place % 3 == 0, digit != "-" { result.append("\u{202f}") }
            result.append(digit)
        }
        return String(result.reversed()) + parts.dropFirst().map { ".\($0)" }.joined()
    }
}

/// Escapes text for XML content and attributes.
func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
        .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
}
