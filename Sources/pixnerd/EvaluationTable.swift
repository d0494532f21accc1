import Evaluation
import Foundation

/// An evaluation as a person reads it.
struct EvaluationTable {
    private let report: EvaluationReport

    init(_ report: EvaluationReport) { self.report = report }

    var text: String {
        var lines = [line("real", side(report.real)), line("generated", side(report.generated))]
        if let size = report.size { lines.append(line("size", "\(size)")) }
        if let features = report.features {
            lines.append(line("features", features.network))
            lines.append(line("weights", "\(features.weights), hash \(features.hash)"))
        } else if report["fid"] == nil {
            lines.append(line("features", "none: without --weights only pixels are measured, not what pictures show"))
        }
        lines.append(line("seed", "\(report.seed), \(report.resamples) resamples"))
        let rows = report.measures.map { measure in
            [
                measure.title, number(measure.value) + (measure.deviation.map { " ± \(number($0))" } ?? ""),
                measure.interval.map { "\(number($0[0])) ... \(number($0[1]))" } ?? "-",
                measure.floor.map(number) ?? "-", measure.note ?? "",
            ]
        }
        let heads = ["measure", "value", "95 % of draws", "real with real", ""]
        let widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        lines.append("")
        for row in [heads] + rows {
            let cells = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
            lines.append(cells.joined(separator: "   ").trimmingSuffix(" "))
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ name: String, _ value: String) -> String {
        name.padding(toLength: 11, withPad: " ", startingAt: 0) + value
    }

    private func side(_ side: EvaluationReport.Side) -> String {
        var text = "\(side.path): " + (side.pictures.map { "\($0) pictures" } ?? "an unknown number of pictures")
        if side.isStored { text += ", stored statistics" }
        if side.unreadable > 0 { text += ", \(side.unreadable) unreadable" }
        return text
    }

    /// With as many digits as are worth reading.
    private func number(_ value: Double) -> String {
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
