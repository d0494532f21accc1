import Foundation
import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

/// The text of an encoder's summary.
struct EncoderReport {
    let text: String

    init(_ summary: EncoderSummary, everyTensor: Bool) {
        var rows = [
            ("file", summary.path), ("kind", summary.kind),
            ("size", String(format: "%.2f MB", Double(summary.bytes) / 1e6)), ("integrity", summary.integrity),
        ]
        if let architecture = summary.architecture, let name = summary.name {
            rows += [
                ("encoder", "DINOv2 \(name), with the tensor names of \(architecture.naming.rawValue)"),
                (
                    "",
                    "width \(architecture.width), depth \(architecture.depth), heads \(architecture.heads), patches of "
                        + "\(architecture.patchSize) x \(architecture.patchSize), registers \(architecture.registers),"
                ),
                (
                    "",
                    "feed-forward layers of \(architecture.feedForwardWidth) with "
                        + (architecture.isGated ? "SwiGLU" : "GELU")
                ),
                ("positions", "\(architecture.gridSize) x \(architecture.gridSize); \(summary.positions ?? "")"),
            ]
        }
        rows.append(("parameters", String(summary.parameters)))
        if let fingerprint = summary.fingerprint { rows.append(("fingerprint", fingerprint)) }
        if let problem = summary.problem { rows.append(("not usable", problem)) }
        if let cost = summary.cost {
            rows.append(
                (
                    "one image",
                    "\(cost.height) x \(cost.width) before preprocessing: "
                        + String(format: "%.3f G multiply-adds", Double(cost.multiplyAdds) / 1e9)
                ))
        }
        text = CheckpointReport.text(rows, summary.tensors, everyTensor: everyTensor)
    }
}
