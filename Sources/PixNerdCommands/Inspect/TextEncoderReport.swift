import Foundation
import PixNerdInspection
import PixNerdModels
import PixNerdSupport

/// The text of a text encoder's summary.
struct TextEncoderReport {
    let text: String

    init(_ summary: TextEncoderSummary, everyTensor: Bool) {
        let sizes = summary.architecture
        let files = listed(summary.files.prefix(4), of: summary.files.count)
        var rows = [
            ("directory", summary.path), ("weights", files),
            ("size", String(format: "%.2f MB", Double(summary.bytes) / 1e6)), ("integrity", summary.integrity),
            ("text encoder", summary.name),
            ("", Self.layers(sizes)), ("", Self.tokens(sizes)), ("parameters", String(summary.parameters)),
            ("fingerprint", summary.fingerprint),
        ]
        if let problem = summary.problem { rows.append(("not usable", problem)) }
        rows += [
            (
                "one prompt",
                "\(summary.length) tokens: "
                    + String(format: "%.3f G multiply-adds, ", Double(summary.multiplyAdds) / 1e9)
                    + String(format: "%.0f KB of rows", Double(summary.rowBytes) / 1e3)
            ),
            (
                "memory",
                summary.keptBytes.map {
                    "its weights take \(Self.megabytes($0)) MB as float32 and are kept while texts are encoded in each step"
                } ?? "its weights are read from the files for each group of prompts and are not kept"
            ),
        ]
        text = CheckpointReport.text(rows, summary.tensors, everyTensor: everyTensor)
    }

    private static func layers(_ sizes: TextEncoderArchitecture) -> String {
        switch sizes {
        case .qwen3(let sizes):
            "width \(sizes.width), depth \(sizes.depth), heads \(sizes.heads) of \(sizes.headWidth), key heads "
                + "\(sizes.keyHeads), feed-forward layers of \(sizes.feedForwardWidth)"
        case .t5(let sizes):
            "width \(sizes.width), depth \(sizes.depth), heads \(sizes.heads) of \(sizes.headWidth), feed-forward "
                + "layers of \(sizes.feedForwardWidth)"
        }
    }

    private static func tokens(_ sizes: TextEncoderArchitecture) -> String {
        switch sizes {
        case .qwen3(let sizes): "\(sizes.vocabulary) tokens, rotary base \(sizes.theta)"
        case .t5(let sizes):
            "\(sizes.vocabulary) tokens, \(sizes.buckets) groups of distances up to \(sizes.farDistance)"
        }
    }

    private static func megabytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1e6) }
}
