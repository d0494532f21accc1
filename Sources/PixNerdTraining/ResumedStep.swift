import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdSupport

/// The saved step that a run goes on from: the one that was asked for, or else the newest that is whole.
struct ResumedStep {
    let step: Int
    let task: any TrainingTask
    let saved: TrainingState.Saved
    /// Newer steps that are damaged, with the reasons.
    private let damaged: [(step: Int, reason: PixNerdError)]

    /// Loads the step.
    ///
    /// - Parameter asked: the step to load; nil for the newest that is whole.
    /// - Returns: nil if the run has no saved step.
    /// - Throws: `PixNerdError` if the step that was asked for is not there or cannot be loaded, or if no step is whole.
    init?(_ run: RunDirectory, asked: Int?, _ preparation: any TrainingPreparation) throws {
        let steps = run.savedSteps
        if let asked, !steps.contains(asked) {
            let others = steps.suffix(8).map(String.init).joined(separator: ", ")
            throw PixNerdError(
                .notFound, "\(run.path)", found: "has no saved step \(asked)",
                expected: steps.isEmpty ? "none, because none is saved yet" : "one of its steps, such as \(others)")
        }
        var damaged: [(step: Int, reason: PixNerdError)] = []
        for step in asked.map({ [$0] }) ?? steps.reversed() {
            do {
                (task, saved) = try TrainingState.Saved.load(run, step: step, preparation)
                (self.step, self.damaged) = (step, damaged)
                return
            } catch let error as PixNerdError where error.isDamage {
                damaged.append((step, error))
            }
        }
        if let newest = damaged.first { throw newest.reason }
        return nil
    }

    /// Renames the newer steps, so that they neither count as the run's latest nor are lost, and says so.
    func leaveNewerSteps(_ run: RunDirectory, _ logger: Logger) throws {
        try run.setAsideAverages(after: step)
        let newer = run.savedSteps.filter { $0 > step }
        guard !newer.isEmpty else { return }
        try run.keepMetrics()
        for other in newer {
            let kept = try run.setAside(step: other)
            if let reason = damaged.first(where: { $0.step == other })?.reason {
                logger.warning(
                    """
                    step \(other) is damaged (\(clause(reason))), so the run goes on from step \(step); the damaged one is \
                    kept as \(kept)
                    """)
            } else {
                logger.notice("the run goes on from step \(step); step \(other) is kept as \(kept)")
            }
        }
    }
}

extension PixNerdError {
    /// Whether the error says that files are damaged or missing, and not that they cannot be read now or do not fit.
    fileprivate var isDamage: Bool { [.malformed, .notFound, .notFinite].contains(kind) }
}
