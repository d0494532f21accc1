import Foundation
import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// The text of an autoencoder's summary.
struct AutoencoderReport {
    let text: String

    init(_ summary: AutoencoderSummary, everyTensor: Bool) {
        let architecture = summary.architecture
        func yes(_ value: Bool) -> String { value ? "with" : "without" }
        var rows = [
            ("file", summary.path), ("kind", summary.kind),
            ("size", String(format: "%.2f MB", Double(summary.bytes) / 1e6)), ("integrity", summary.integrity),
            ("autoencoder", "AutoencoderKL: \(summary.name ?? "not a published one")"),
            (
                "",
                "block_out_channels \(architecture.levelWidths), layers_per_block \(architecture.blocksPerLevel), "
                    + "norm_num_groups \(architecture.groups),"
            ),
            (
                "",
                "in_channels \(architecture.channels), latent_channels \(architecture.latentChannels), "
                    + "f \(architecture.reduction), \(yes(architecture.hasAttention)) attention, "
                    + "\(yes(architecture.hasQuantConvolution)) quant_conv, "
                    + "\(yes(architecture.hasPostQuantConvolution)) post_quant_conv"
            ),
            ("scale", summary.scale?.text ?? "unknown: there is no config.json beside the file"),
            ("parameters", String(summary.parameters)),
        ]
        if let fingerprint = summary.fingerprint { rows.append(("fingerprint", fingerprint)) }
        if let problem = summary.problem { rows.append(("not usable", problem)) }
        rows.append(
            (
                "one image",
                CheckpointReport.text(encoding: summary.encoding, decoding: summary.decoding)
            ))
        text = CheckpointReport.text(rows, summary.tensors, everyTensor: everyTensor)
    }
}
