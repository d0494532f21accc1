import PixNerdSampling
import PixNerdSupport
import PixNerdTuning

/// The outcome of a tuning as text.
struct TuneReport {
    private let outcome: Tuning.Outcome
    private let run: String
    private let isDry: Bool

    /// Number of settings in the table.
    private static let rows = 12

    init(_ outcome: Tuning.Outcome, run: String, isDry: Bool) {
        (self.outcome, self.run, self.isDry) = (outcome, run, isDry)
    }

    var text: String {
        let record = outcome.record
        let ranking = record.ranking()
        let rows = ranking.prefix(Self.rows).map { result in
            [
                result.settings.description, "\(result.images)", TextTable.number(result.value),
                result.floor.map(TextTable.number) ?? "-", result.settings == outcome.before ? "before" : "",
            ]
        }
        let heads = ["settings", "images", record.conditions.measure, "real vs. real", ""]
        var lines = TextTable.lines(heads, rows)
        if ranking.count > Self.rows { lines.append("and \(ranking.count - Self.rows) more in \(run)/tune.json") }
        lines += ["", conclusion]
        if let sheet = outcome.sheet { lines.append("Images of the best settings are in \(sheet).") }
        return lines.joined(separator: "\n")
    }

    private var conclusion: String {
        let stay = "The run's defaults stay as they are"
        guard !outcome.record.results.isEmpty else {
            return "\(stay): --time was too short to measure anything."
        }
        guard outcome.best != outcome.before else {
            return "\(stay): nothing that was tried is better (\(outcome.before.description))."
        }
        guard let decision = outcome.record.decision else {
            return "\(stay): there was no time left to compare the best settings with them on other seeds; give more "
                + "--time or fewer --samples, and the search goes on where it ended."
        }
        let (before, best) = (TextTable.number(decision.before.value), TextTable.number(decision.best.value))
        let comparison =
            "\(decision.best.settings.description): \(best) instead of \(before) for \(decision.before.images) images "
            + "from other seeds, with chance good for \(TextTable.number(decision.noise))"
        guard decision.isBetter else {
            return "\(stay): the best settings are not better beyond chance (\(comparison))."
        }
        return isDry
            ? "Better settings were found, and not written because of --dry-run (\(comparison))."
            : "pixnerd sample \(run) now takes \(comparison); remove \(run)/sampling.json to go back."
    }
}
