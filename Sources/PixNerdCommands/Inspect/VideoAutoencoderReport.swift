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
        rows.append(
            (
                "one piece",
                "\(summary.piece) frames of "
                    + CheckpointReport.text(encoding: summary.encoding, decoding: summary.decoding)
            ))
        text = CheckpointReport.text(rows, summary.tensors, everyTensor: everyTensor)
    }
}
