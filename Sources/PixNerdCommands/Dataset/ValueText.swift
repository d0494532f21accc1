import Foundation
import PixNerdImages
import PixNerdSupport

/// The part of a report on a dataset that is about a value of the images.
enum ValueText {
    /// - Parameters:
    ///   - row: makes a line of a name and what stands in its columns.
    ///   - line: makes a line of a name, a number and its meaning.
    static func lines(
        _ value: ValueSummary, row: (_ name: String, _ columns: [String]) -> String,
        line: (_ name: String, _ count: Int, _ meaning: String?) -> String
    ) -> [String] {
        let numbers = [
            ("lowest", value.minimum), ("mean", value.mean), ("highest", value.maximum),
            ("standard deviation", value.standardDeviation),
        ].compactMap { name, number in number.map { row("  " + name, [String(format: "%.4g", $0)]) } }
        var lines = ["", "value \(printable(value.name))", line("images with it", value.count, nil)]
        if value.empty > 0 { lines.append(line("without it", value.empty, "trained as open")) }
        if value.missing > 0 { lines.append(line("nothing said", value.missing, "training refuses them")) }
        return lines + numbers
    }
}
