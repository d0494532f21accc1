import PixNerdEvaluation
import PixNerdSupport

/// An evaluation as text.
struct EvaluationTable {
    private let report: EvaluationReport

    init(_ report: EvaluationReport) { self.report = report }

    var text: String {
        var lines = [
            TextTable.line("real", Self.side(report.real)), TextTable.line("generated", Self.side(report.generated)),
        ]
        if let size = report.size { lines.append(TextTable.line("size", "\(size)")) }
        if let features = report.features {
            lines.append(TextTable.line("features", features.network))
            lines.append(TextTable.line("weights", "\(features.weights), hash \(features.hash)"))
        } else if report["fid"] == nil {
            lines.append(
                TextTable.line("features", "none: without --weights only texture is measured, not content"))
        }
        lines.append(TextTable.line("seed", "\(report.seed), \(report.resamples) resamples"))
        for reason in report.leftOut ?? [] { lines.append(TextTable.line("left out", reason)) }
        let rows = report.measures.map { measure in
            [
                measure.title,
                TextTable.number(measure.value) + (measure.deviation.map { " ± \(TextTable.number($0))" } ?? ""),
                measure.interval.map { "\(TextTable.number($0[0])) ... \(TextTable.number($0[1]))" } ?? "-",
                measure.floor.map(TextTable.number) ?? "-", measure.note ?? "",
            ]
        }
        let heads = ["measure", "value", "95 % interval", "real vs. real", ""]
        return (lines + [""] + TextTable.lines(heads, rows)).joined(separator: "\n")
    }

    static func side(_ side: EvaluationReport.Side) -> String {
        var text = "\(side.path): " + (side.pictures.map { "\($0) images" } ?? "an unknown number of images")
        if side.isStored { text += ", stored statistics" }
        if side.cropped > 0 { text += ", \(side.cropped) cropped and scaled" }
        if side.unreadable > 0 { text += ", \(side.unreadable) unreadable" }
        return text
    }
}
