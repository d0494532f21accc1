import Foundation
import PixNerdCheckpoints
import PixNerdDistributed
import PixNerdLayers
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

extension Trainer {
    /// Saves a checkpoint, and removes checkpoints that need not be kept.
    ///
    /// - Parameter isLast: whether no later save can make up for a failure, which then ends the run.
    /// - Returns: whether it was saved.
    func save(isLast: Bool) throws -> Bool {
        try communicator.agree { try checkIsFinite() }
        let training = configuration.training
        return try keepGoing("step \(state.step)", isLast: isLast) {
            try state.withWholeTensors(exchange) { tensor in
                let problem = try run.save(step: state.step) { directory in
                    try state.save(
                        task, configuration, classNames: preparation.pictures.conditionedClasses, to: directory,
                        of: run, tensor: tensor)
                }
                if let problem, problem != latestProblem { logger.warning("\(problem)") }
                latestProblem = problem
                do {
                    try run.prune(keepLast: training.keepLast, keepEvery: training.keepEvery)
                } catch {
                    // The new step is saved all the same.
                    logger.warning("\(error)")
                }
            }
        }
    }

    /// Saves the steps since the last save because of an error that ends the run.
    func saveBeforeEnd() {
        guard (try? save(isLast: true)) == true, communicator.isRoot else { return }
        logger.notice("step \(state.step) is saved")
    }

    /// Runs `body` on every process; if it fails, ends the run or logs the error, depending on
    /// `training.on_save_failure`.
    ///
    /// - Parameters:
    ///   - isLast: whether a failure ends the run in any case.
    ///   - savesWork: whether the weights are saved before the run ends.
    /// - Returns: whether it did not fail.
    @discardableResult
    func keepGoing(
        _ what: String, isLast: Bool = false, savesWork: Bool = false, _ body: () throws -> Void
    ) throws -> Bool {
        do {
            try communicator.agree(body)
            return true
        } catch {
            let reason = clause(error)
            guard configuration.training.onSaveFailure == .goOn, !isLast else {
                if savesWork { saveBeforeEnd() }
                throw SharedError(failure(.system, "\(what)", found: "could not be saved: \(reason)").description)
            }
            if communicator.isRoot { logger.error("\(what) could not be saved: \(reason); training continues") }
            return false
        }
    }

    /// The error that ended the run, with the checkpoint to resume from.
    func failure(
        _ kind: PixNerdError.Kind, _ subject: ErrorText, found: ErrorText, advice: ErrorText? = nil
    ) -> PixNerdError {
        let last = run.savedSteps.last
        let saved: ErrorText =
            last.map { "the last saved step is \(run.stepPath($0))" } ?? "no step of the run is saved"
        return PixNerdError(kind, subject, found: found, advice: advice.map { $0 + "; " + saved } ?? saved)
    }

    /// Checks that the weights are finite, so that no checkpoint or preview has a state that cannot be trained further.
    private func checkIsFinite() throws {
        let parameters = state.optimizer.parameters
        let weights = parameters.map { ($0.name, $0.value) }
        let names = state.optimizer.pieces.map { parameters[$0.parameter].name }
        let averages = state.averages.flatMap { zip(names, $0.values) }
        guard let bad = (weights + averages).first(where: { !$0.1.isFinite }) else { return }
        throw failure(
            .notFinite, "step \(state.step):", found: "the weight \(bad.0) is not finite after it",
            advice: "decrease the learning rate or clip gradients")
    }
}
