import Foundation

/// Tables for a terminal, with aligned columns.
package enum TextTable {
    /// A header line and one line per row, with three spaces between columns.
    package static func lines(_ heads: [String], _ rows: [[String]]) -> [String] {
        let widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        return ([heads] + rows).map { row in
            zip(row, widths).map { padded($0, to: $1) }.joined(separator: "   ").trimmingTrailingSpaces
        }
    }

    /// A line with a name, padded to a width, and its value.
    package static func line(_ name: String, _ value: String, width: Int = 11) -> String {
        padded(name, to: width) + value
    }

    /// A text padded with trailing spaces to a width. Longer texts are not cut.
    package static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// A measured number, with fewer decimals the larger it is.
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
