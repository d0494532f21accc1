import PixNerdEvaluation

/// An evaluation as a person reads it.
struct EvaluationTable {
    private let report: EvaluationReport

    init(_ report: EvaluationReport) { self.report = report }

    var text: String {
        var lines = [
            Columns.line("real", Self.side(report.real)), Columns.line("generated", Self.side(report.generated)),
        ]
        if let size = report.size { lines.append(Columns.line("size", "\(size)")) }
        if let features = report.features {
            lines.append(Columns.line("features", features.network))
            lines.append(Columns.line("weights", "\(features.weights), hash \(features.hash)"))
        } else if report["fid"] == nil {
            lines.append(
                Columns.line("features", "none: without --weights only pixels are measured, not what pictures show"))
        }
        lines.append(Columns.line("seed", "\(report.seed), \(report.resamples) resamples"))
        let rows = report.measures.map { measure in
            [
                measure.title,
                Columns.number(measure.value) + (measure.deviation.map { " ± \(Columns.number($0))" } ?? ""),
                measure.interval.map { "\(Columns.number($0[0])) ... \(Columns.number($0[1]))" } ?? "-",
                measure.floor.map(Columns.number) ?? "-", measure.note ?? "",
            ]
        }
        let heads = ["measure", "value", "95 % of draws", "real with real", ""]
        return (lines + [""] + Columns.lines(heads, rows)).joined(separator: "\n")
    }

    static func side(_ side: EvaluationReport.Side) -> String {
        var text = "\(side.path): " + (side.pictures.map { "\($0) pictures" } ?? "an unknown number of pictures")
        if side.isStored { text += ", stored statistics" }
        if side.cropped > 0 { text += ", \(side.cropped) cropped and scaled" }
        if side.unreadable > 0 { text += ", \(side.unreadable) unreadable" }
        return text
    }
}
