import Foundation
import PixNerdEvaluation
import PixNerdSupport

/// Statistics of a video autoencoder's latents as text.
struct VideoCheckTable {
    let text: String

    init(_ found: VideoScaleCheck) {
        var lines = [
            Self.line("autoencoder", found.path),
            Self.line(
                "films", "\(found.films.count == 1 ? found.films[0] : "\(found.films.count)"), \(found.frames) frames"),
        ]
        lines += ["", Self.line("image latents", Self.row("mean", "std"))]
        lines += Self.rows(found.spatialChannels)
        for trial in found.trials {
            let owner = trial.owner.map { ", the factor of \($0)" } ?? ""
            lines += ["", "normalized latents with \(trial.factor)\(owner)"]
            lines.append(Self.line("total", Self.row(Self.number(trial.mean), Self.number(trial.deviation))))
            lines += Self.rows(trial.channels)
        }
        text = (lines + ["", found.sentence]).joined(separator: "\n")
    }

    private static func rows(_ channels: [AutoencoderScaleCheck.Channel]) -> [String] {
        channels.enumerated().map { index, channel in
            line("channel \(index)", row(number(channel.mean), number(channel.deviation)))
        }
    }

    private static func line(_ name: String, _ value: String) -> String { TextTable.line(name, value, width: 13) }

    private static func number(_ value: Double) -> String { String(format: "%.4f", value) }

    private static func row(_ mean: String, _ deviation: String) -> String {
        [mean, deviation].map { String(repeating: " ", count: max(0, 11 - $0.count)) + $0 }.joined()
    }
}
