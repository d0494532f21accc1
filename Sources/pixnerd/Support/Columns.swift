import Foundation

/// Rows of a table for a person.
enum Columns {
    /// One line a row, its cells below each other.
    static func lines(_ heads: [String], _ rows: [[String]]) -> [String] {
        let widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        return ([heads] + rows).map { row in
            let cells = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
            return cells.joined(separator: "   ").trimmingSuffix(" ")
        }
    }

    /// A name and what is said of it.
    static func line(_ name: String, _ value: String) -> String {
        name.padding(toLength: 11, withPad: " ", startingAt: 0) + value
    }

    /// A measured number with as many digits as are worth reading.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        let digits = abs(value) >= 100 ? 2 : abs(value) >= 1 ? 3 : 5
        return String(format: "%.\(digits)f", value)
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        String(self[..<(lastIndex { $0 != character }.map { index(after: $0) } ?? startIndex)])
    }
}
