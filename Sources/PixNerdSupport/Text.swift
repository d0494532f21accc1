import Foundation

extension Int {
    /// The decimal digits, padded with leading zeros to a width, such as "0042".
    package func zeroPadded(to width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}

/// A number and its noun, plural unless the number is 1, such as "3 images".
package func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
    "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
}

/// A size in memory, such as "3.4 GB".
package func gigabytes(_ bytes: Double) -> String { String(format: "%.1f GB", bytes / 1e9) }

/// The text of an error as a part of a longer sentence: without its full stop.
package func clause(_ error: any Error) -> String {
    var text = "\(error)"[...]
    while let last = text.last, last == "." || last == " " || last == "\n" { text.removeLast() }
    return String(text)
}

/// Names in a list, such as "a, b and 3 more".
///
/// - Parameters:
///   - shown: the names that are written out.
///   - count: the number of all names.
package func listed(_ shown: some Sequence<String>, of count: Int) -> String {
    let shown = Array(shown)
    return shown.joined(separator: ", ") + (count > shown.count ? " and \(count - shown.count) more" : "")
}

/// Two values as a pair; nil if either is nil.
package func both<A, B>(_ a: A?, _ b: B?) -> (A, B)? {
    guard let a, let b else { return nil }
    return (a, b)
}
