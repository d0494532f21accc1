import Foundation
import PixNerdEvaluation
import PixNerdSupport

/// Found copies of training images as text.
struct MemorisationTable {
    private let report: MemorisationReport

    init(_ report: MemorisationReport) { self.report = report }

    /// Most samples that are listed for each measure.
    private static let listed = 8

    var text: String {
        let copies = report.copies == 0 ? "" : ", \(report.copies) of them copies of others, which are left out"
        var lines = [
            TextTable.line("training", EvaluationTable.side(report.training) + copies),
            TextTable.line("samples", EvaluationTable.side(report.samples)),
        ]
        if let heldOut = report.heldOut { lines.append(TextTable.line("held out", EvaluationTable.side(heldOut))) }
        lines.append(TextTable.line("size", "\(report.size)"))
        if let features = report.features {
            lines.append(TextTable.line("features", features.network))
            lines.append(TextTable.line("weights", "\(features.weights), hash \(features.hash)"))
        }
        lines.append(TextTable.line("seed", "\(report.seed), \(report.resamples) resamples"))
        lines.append(
            TextTable.line(
                "a copy",
                "nearer to a training image or its mirror image than 1/3 of the distance to the second nearest"))
        let rows = report.measures.map { measure in
            [
                measure.title, "\(percent(measure.value)) (\(measure.count))",
                measure.interval.map { "\(percent($0[0])) ... \(percent($0[1]))" } ?? "-",
                measure.heldOut.map(percent) ?? "-", number(measure.medianRatio),
                measure.heldOutMedianRatio.map(number) ?? "-",
            ]
        }
        let heads = ["measure", "share", "95 % interval", "of held out", "median ratio", "of held out"]
        lines += [""] + TextTable.lines(heads, rows)
        for measure in report.measures {
            let rows = measure.suspicious.prefix(Self.listed).map { match in
                [
                    match.sample, number(match.ratio), TextTable.number(match.distance),
                    TextTable.number(match.secondDistance), match.nearest + (match.isMirrored ? ", mirrored" : ""),
                    match.isMemorised ? "copy" : "",
                ]
            }
            let heads = [measure.title, "ratio", "distance", "to second", "nearest training image", ""]
            lines += [""] + TextTable.lines(heads, rows)
        }
        return lines.joined(separator: "\n")
    }

    private func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

    private func number(_ ratio: Double) -> String { String(format: "%.3f", ratio) }
}
