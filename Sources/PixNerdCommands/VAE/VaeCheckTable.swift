import Foundation
import PixNerdEvaluation
import PixNerdSupport
import PixNerdTraining

/// Statistics of an autoencoder's latents as text.
struct VaeCheckTable {
    let text: String

    init(_ found: AutoencoderScaleCheck) {
        let size = "\(found.imageSize) x \(found.imageSize)"
        let skipped = found.unreadable > 0 ? ", \(found.unreadable) unreadable" : ""
        var lines = [
            Self.line("autoencoder", found.path + (found.name.map { ": \($0)" } ?? "")),
            Self.line(
                "scale",
                found.scale?.text ?? "unknown, because there is no config.json; measured with factor 1"),
            Self.line("images", "\(found.pictures) of \(found.root), at \(size)\(skipped)"),
            "", Self.line("", Self.row("mean", "std")), Self.line("total", Self.row(found.mean, found.deviation)),
        ]
        lines += found.channels.enumerated().map { index, channel in
            Self.line("channel \(index)", Self.row(channel.mean, channel.deviation))
        }
        if let factor = found.neededFactor {
            lines += ["", Self.line("needed", String(format: "scaling_factor %.5g for standard deviation 1", factor))]
        }
        // One factor cannot bring all channels to 0 and 1.
        let (means, deviations) = (found.channels.map(\.mean), found.channels.map(\.deviation))
        if found.scale != nil, (means + deviations).allSatisfy(\.isFinite), deviations.allSatisfy({ $0 > 0 }) {
            func list(_ values: [Double]) -> String {
                "[" + values.map { String(format: "%.3g", $0) }.joined(separator: ", ") + "]"
            }
            lines.append(
                Self.line(
                    "or, in a run", "latent.channel_shift=\(list(means)) latent.channel_scale=\(list(deviations))"))
        }
        text = (lines + ["", found.sentence]).joined(separator: "\n")
    }

    private static func line(_ name: String, _ value: String) -> String {
        TextTable.line(name, value, width: 13)
    }

    private static func row(_ mean: Double, _ deviation: Double) -> String {
        row(String(format: "%.4f", mean), String(format: "%.4f", deviation))
    }

    private static func row(_ mean: String, _ deviation: String) -> String {
        [mean, deviation].map { String(repeating: " ", count: max(0, 11 - $0.count)) + $0 }.joined()
    }
}
