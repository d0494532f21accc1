import PixNerdEvaluation
import PixNerdModels
import PixNerdTensors

/// What the page says of measures.
enum MeasureText {
    private static let definitions: [(prefix: String, title: String, text: String)] = [
        (
            "fid", "Fréchet distance",
            "Between normal distributions fitted to a network's features; lower is nearer. Goes down as N grows."
        ), ("sfid", "sFID", "The same with features that keep places; lower is nearer."),
        (
            "kid", "Kernel distance",
            "Maximum mean discrepancy of a network's features; lower is nearer, 0 on average for equals."
        ),
        ("precision", "Precision", "Share of sampled pictures near a real one by the features; higher is better."),
        ("recall", "Recall", "Share of real pictures near a sampled one by the features; higher is better."),
        ("inception_score", "Inception Score", "How sure and how varied the network's classes are; higher is better."),
        (
            "swd", "Sliced Wasserstein",
            "Distance between 7 x 7 patches of both sides, mean over the levels of a Laplacian pyramid, times 1000; lower is "
                + "nearer. Sees colours and texture and not what is shown."
        ),
        (
            "spectrum", "Power spectrum",
            "Root mean square difference of the mean spectra of brightness, in dB; lower is nearer. Sees blur and noise."
        ),
        (
            "seam", "Seams",
            "Energy of the edges between tokens over that of edges elsewhere; 1 without seams. The real pictures' own stands "
                + "at the bottom."
        ),
    ]

    /// Levels of the pyramid are in the JSON, their mean on the page.
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

    /// Measures that are drawn along training.
    static func isCharted(_ name: String) -> Bool {
        ["fid", "kid", "swd", "spectrum"].contains(name) || name.hasPrefix("seam")
    }
}
