import Foundation
import PixNerdInspection
import PixNerdSupport

/// The text of a video autoencoder's summary.
struct VideoAutoencoderReport {
    let text: String

    init(_ summary: VideoAutoencoderSummary, everyTensor: Bool) {
        let spatial = summary.spatial
        var rows = [
            ("file", summary.path), ("kind", summary.kind),
            ("size", String(format: "%.2f MB", Double(summary.bytes) / 1e6)), ("integrity", summary.integrity),
            (
                "autoencoder",
                "of films: \(summary.space) pixels along each side and \(summary.time) frames for each latent, in pieces of "
                    + "\(summary.piece) frames"
            ),
            (
                "images",
                "block_out_channels \(spatial.levelWidths), layers_per_block \(spatial.blocksPerLevel), norm_num_groups "
                    + "\(spatial.groups), latent_channels \(spatial.latentChannels)"
            ), ("time", summary.temporal), ("factor", "\(summary.factor) for the latents of images"),
            ("channels", "means \(summary.normalization.shift), deviations \(summary.normalization.scale)"),
            ("parameters", String(summary.parameters)),
        ]
        if let fingerprint = summary.fingerprint { rows.append(("fingerprint", fingerprint)) }
        if let problem = summary.problem { rows.append(("remark", problem)) }
        let (encoding, decoding) = (summary.encoding, summary.decoding)
        rows.append(
            (
                "one piece",
                "\(summary.piece) frames of \(encoding.height) x \(encoding.width): "
                    + String(
                        format: "%.3f GFLOP to encode, %.3f GFLOP to decode", Double(encoding.flops) / 1e9,
                        Double(decoding.flops) / 1e9)
            ))
        let tensors = everyTensor ? CheckpointReport.list(summary.tensors) : CheckpointReport.groups(summary.tensors)
        let lines = rows.map { CheckpointReport.line($0.0, $0.1) } + [""] + tensors
        text = lines.map { printable($0) }.joined(separator: "\n")
    }
}
