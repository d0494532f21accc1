import PixNerdEvaluation
import PixNerdModels
import PixNerdTensors

/// Descriptions of the measures for the page.
enum MeasureText {
    private static let definitions: [(prefix: String, title: String, text: String)] = [
        (
            "fid", "Fréchet distance",
            "Distance between normal distributions fitted to network features; lower is better. Decreases as N grows."
        ), ("sfid", "sFID", "Fréchet distance between spatial features; lower is better."),
        (
            "kid", "Kernel distance",
            "Maximum mean discrepancy of network features; lower is better, 0 on average for equal distributions."
        ),
        ("precision", "Precision", "Share of samples whose features are close to a real image; higher is better."),
        ("recall", "Recall", "Share of real images whose features are close to a sample; higher is better."),
        (
            "inception_score", "Inception Score",
            "Confidence and diversity of the network's class predictions; higher is better."
        ),
        (
            "swd", "Sliced Wasserstein",
            "Distance between 7 x 7 patches of both sides, averaged over the levels of a Laplacian pyramid, times "
                + "1000; lower is better. Measures colour and texture, not content."
        ),
        (
            "spectrum", "Power spectrum",
            "RMS difference of the mean brightness spectra, in dB; lower is better. Measures blur and noise."
        ),
        (
            "seam", "Seams",
            "Energy of edges between tokens relative to edges elsewhere; 1 without seams. The baseline is the value "
                + "for the real images."
        ),
    ]

    /// Whether the page shows a measure. Single levels of the pyramid are only in the JSON.
    static func isShown(_ name: String) -> Bool { !name.hasPrefix("swd_") }

    static func definition(_ name: String) -> (title: String, text: String)? {
        definitions.first { name == $0.prefix || name.hasPrefix($0.prefix + "_") }.map { ($0.title, $0.text) }
    }

    static func title(_ measure: EvaluationReport.Measure) -> String {
        switch measure.name {
        case "swd": "Sliced Wasserstein, × 1000"
        case "spectrum": "Power spectrum, dB"
        default: measure.title
        }
    }

    /// Whether training curves are drawn for a measure.
    static func isCharted(_ name: String) -> Bool {
        ["fid", "kid", "swd", "spectrum"].contains(name) || name.hasPrefix("seam")
    }
}
