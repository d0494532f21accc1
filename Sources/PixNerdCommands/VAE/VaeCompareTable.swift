import Foundation
import PixNerdEvaluation
import PixNerdSupport

/// A comparison of autoencoders as text: a row for each measure, a column for each autoencoder.
struct VaeCompareTable {
    let text: String

    init(_ report: AutoencoderComparisonReport) {
        var lines = [
            TextTable.line("images", EvaluationTable.side(report.pictures)), TextTable.line("size", "\(report.size)"),
            TextTable.line("latents", "the means of their distributions, unscaled"),
            TextTable.line("batch", "\(counted(report.batch, "image")), \(counted(report.threads, "thread"))"),
        ]
        if let features = report.features {
            lines.append(TextTable.line("features", features.network))
            lines.append(TextTable.line("weights", "\(features.weights), hash \(features.hash)"))
        } else {
            lines.append(TextTable.line("features", "none: without --features there is no rFID"))
        }
        let entries = report.autoencoders
        for (index, entry) in entries.enumerated() {
            lines.append(TextTable.line("\(index + 1)", entry.path + (entry.name.map { ": \($0)" } ?? "")))
        }
        let facts: [(String, (AutoencoderComparisonReport.Entry) -> String)] = [
            ("Downsampling factor", { "\($0.reduction)" }), ("Latent channels", { "\($0.latentChannels)" }),
            ("Parameters", { "\($0.parameters)" }),
            ("Multiply-adds to encode, G", { Self.giga($0.encodingMultiplyAdds) }),
            ("Multiply-adds to decode, G", { Self.giga($0.decodingMultiplyAdds) }),
        ]
        // All autoencoders have the same measures.
        let rows =
            entries[0].measures.indices.map { index in
                [entries[0].measures[index].title] + entries.map { Self.value($0.measures[index]) }
                    + [entries[0].measures[index].note ?? ""]
            } + facts.map { title, text in [title] + entries.map(text) + [""] }
        let heads = ["measure"] + entries.indices.map { "\($0 + 1)" } + [""]
        text = (lines + [""] + TextTable.lines(heads, rows)).joined(separator: "\n")
    }

    private static func value(_ measure: EvaluationReport.Measure) -> String {
        TextTable.number(measure.value) + (measure.deviation.map { " ± \(TextTable.number($0))" } ?? "")
    }

    private static func giga(_ count: Int) -> String { TextTable.number(Double(count) / 1e9) }
}
