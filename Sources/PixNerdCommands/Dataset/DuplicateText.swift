import PixNerdImages
import PixNerdSupport

/// The part of the report on a dataset about images that are there more than once.
enum DuplicateText {
    private static let mostShown = 5

    /// - Parameter line: makes a line of a name, a number and its meaning.
    static func lines(
        _ report: DuplicateReport, line: (_ name: String, _ count: Int, _ meaning: String?) -> String
    ) -> [String] {
        guard report.exact + report.near > 0 else { return [] }
        var lines = ["", "duplicates"]
        if report.exact > 0 { lines.append(line("the same file", report.exact, "counted without the first of each")) }
        if report.near > 0 { lines.append(line("nearly the same image", report.near, "judged by thumbnails")) }
        if report.mixedGroups > 0 {
            lines.append(
                line("groups of several classes", report.mixedGroups, "the model cannot tell these classes apart"))
        }
        lines += report.examples.prefix(mostShown).map { group in
            let names = group.names.prefix(3).map(printable).joined(separator: ", ")
            let more = group.names.count - 3
            return "  \(group.isExact ? "=" : "~") \(names)" + (more > 0 ? " and \(more) more" : "")
        }
        return lines
    }
}
