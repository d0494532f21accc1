import Foundation
import PixNerdImages
import PixNerdSupport

/// The part of a report on a dataset that is about a value of the images.
enum ValueText {
    private static let nameWidth = 30

    static func lines(_ value: ValueSummary) -> [String] {
        func line(_ name: String, _ text: String) -> String {
            TextTable.padded("  " + name, to: nameWidth) + String(repeating: " ", count: max(0, 10 - text.count)) + text
        }
        let numbers = [
            ("lowest", value.minimum), ("mean", value.mean), ("highest", value.maximum),
            ("standard deviation", value.standardDeviation),
        ].compactMap { name, number in number.map { line(name, String(format: "%.4g", $0)) } }
        var lines = ["", "value \(printable(value.name))", line("images with it", "\(value.count)")]
        if value.empty > 0 { lines.append(line("without it", "\(value.empty)") + "   trained as open") }
        if value.missing > 0 { lines.append(line("nothing said", "\(value.missing)") + "   training refuses them") }
        return lines + numbers
    }
}
