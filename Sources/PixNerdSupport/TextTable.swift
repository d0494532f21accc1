import Foundation

/// Rows of text for a terminal, their cells aligned in columns.
package enum TextTable {
    /// One line for the heads and one for each row, columns separated by three spaces.
    package static func lines(_ heads: [String], _ rows: [[String]]) -> [String] {
        let widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        return ([heads] + rows).map { row in
            zip(row, widths).map { padded($0, to: $1) }.joined(separator: "   ").trimmingTrailingSpaces
        }
    }

    /// A name, padded to a width, and its value.
    package static func line(_ name: String, _ value: String, width: Int = 11) -> String {
        padded(name, to: width) + value
    }

    /// A text with spaces behind it up to a width; longer texts stay whole.
    package static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// A measured number with as many digits as are worth reading.
    package static func number(_ value: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        let digits = abs(value) >= 100 ? 2 : abs(value) >= 1 ? 3 : 5
        return String(format: "%.\(digits)f", value)
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        String(self[..<(lastIndex { $0 != " " }.map { index(after: $0) } ?? startIndex)])
    }
}
