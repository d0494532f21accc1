import Foundation
import PixNerdSupport
import PixNerdTraining

/// Something in a run's log that its owner should look at.
struct RunAlert: Encodable, Sendable, Equatable {
    /// `not_finite`, `plateau` or `held_out`.
    let kind: String
    let message: String

    /// Number of lines over which a plateau is looked for, twice.
    private static let window = 20

    /// The alerts of a log.
    static func all(_ records: [MetricsRecord]) -> [RunAlert] {
        var alerts: [RunAlert] = []
        if let bad = records.first(where: { !$0.loss.isFinite || !$0.gradientNorm.isFinite }) {
            alerts.append(RunAlert(kind: "not_finite", message: "Loss or gradient was not finite at step \(bad.step)."))
        }
        if let plateau = plateau(records) { alerts.append(plateau) }
        if let parted = parting(records) { alerts.append(parted) }
        return alerts
    }

    /// The loss of the last lines is no lower than that of the lines before, by more than their own spread.
    private static func plateau(_ records: [MetricsRecord]) -> RunAlert? {
        guard records.count >= 3 * window else { return nil }
        let recent = records.suffix(window).map(\.loss)
        let before = records.dropLast(window).suffix(window).map(\.loss)
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        let (now, then) = (mean(recent), mean(before))
        let spread = (before.map { ($0 - then) * ($0 - then) }.reduce(0, +) / Double(window)).squareRoot()
        guard now > then - spread / Double(window).squareRoot() else { return nil }
        let (first, last) = (records[records.count - 2 * window].step, records[records.count - 1].step)
        return RunAlert(
            kind: "plateau", message: "The loss has not fallen from step \(first) to step \(last).")
    }

    /// The held-out loss rises while that of training images falls.
    private static func parting(_ records: [MetricsRecord]) -> RunAlert? {
        let measured = records.filter { $0.holdoutLoss != nil }
        guard let last = measured.last, let lowest = measured.min(by: { $0.holdoutLoss! < $1.holdoutLoss! }),
            last.step > lowest.step, last.holdoutLoss! > 1.02 * lowest.holdoutLoss!
        else { return nil }
        return RunAlert(
            kind: "held_out",
            message: String(
                format: "The held-out loss was lowest at step %d (%.4f) and is %.4f now; later steps remember images.",
                lowest.step, lowest.holdoutLoss!, last.holdoutLoss!))
    }
}
