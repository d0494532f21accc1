import Foundation
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// The loss of images that are held out from training.
extension Trainer {
    /// Makes the meter; nil if nothing is measured. Says if the held-out images are others than before.
    func makeHoldoutMeter() throws -> HoldoutMeter? {
        let holdout = preparation.holdout
        guard let fingerprint = holdout.fingerprint else {
            state.holdout = nil
            return nil
        }
        if state.holdout?.images != fingerprint {
            if state.step > 0, holdout.isShare, communicator.isRoot {
                logger.warning(
                    """
                    the held-out images are others than those of the run so far: it has trained on some of them, so their \
                    loss is too low
                    """)
            }
            state.holdout = HoldoutHistory(images: fingerprint)
        }
        return try communicator.agree {
            try HoldoutMeter(preparation, task, communicator) { reason in
                if communicator.isRoot {
                    logger.warning("A held-out image is not measured, because it cannot be read: \(reason)")
                }
            }
        }
    }

    /// Measures the held-out loss if this step is one of those, with the weights of the EMA that is sampled from. A
    /// measurement that fails is logged and does not end the run.
    ///
    /// - Returns: nil if nothing was measured.
    func measureHoldout(_ meter: HoldoutMeter?) -> HoldoutLosses? {
        let (training, step) = (configuration.training, state.step)
        guard let meter, step % training.holdoutEvery == 0 || step == training.steps else { return nil }
        do {
            let losses = try with(wholeAverage()) { try meter.losses() }
            guard losses.isFinite else {
                if communicator.isRoot { logger.error("the held-out loss of step \(step) is not finite") }
                return nil
            }
            // The losses of methods whose targets are made by the model itself cannot be compared.
            if [.none, .guidance].contains(configuration.fewSteps.method),
                let parting = state.holdout?.add(losses, step: step, plan: meter.plan),
                communicator.isRoot
            {
                logger.warning("\(parting.text(step: step))")
            }
            return losses
        } catch {
            if communicator.isRoot {
                logger.error(
                    "the held-out loss of step \(step) is not measured: \(clause(error)); training continues")
            }
            return nil
        }
    }

    /// Runs `body` with the weights that other values of what is trained give.
    func with<R>(_ trained: [Tensor], _ body: () throws -> R) rethrows -> R {
        defer {
            // The bf16 copies of these weights would only take memory from the next step.
            for weight in trained { weight.forgetCopies() }
            MemoryPool.shared.releaseKept()
        }
        return try task.withWeights(trained, body)
    }

    /// The trained values of the first EMA on every process, also where each of them keeps only a share; the weights
    /// themselves without an EMA.
    private func wholeAverage() -> [Tensor] {
        guard !state.averages.isEmpty else { return task.trained.map(\.value) }
        guard exchange?.sharesUpdate == true else { return state.averages[0].values }
        let whole = gatheredAverage()
        return task.trained.enumerated().map { place, parameter in
            var weight = whole?[place] ?? Tensor(uninitialized: parameter.value.shape)
            weight.withUnsafeMutableBuffer { communicator.broadcast(UnsafeMutableRawBufferPointer($0)) }
            return weight
        }
    }
}

extension HoldoutHistory.Parting {
    /// What has happened and what to do, for the log.
    func text(step: Int) -> String {
        func number(_ value: Double) -> String { String(format: "%.4f", value) }
        let rise = String(format: "%.1f", 100 * (now.heldOut / lowest.heldOut - 1))
        return """
            the model begins to remember its images: at step \(step) the held-out loss is \(number(now.heldOut)), \
            \(rise) % above its lowest, \(number(lowest.heldOut)) at step \(lowestStep), while that of images that are \
            trained on went from \(number(lowest.seen)) to \(number(now.seen)). Stop, and sample from a step near \
            \(lowestStep); or train anew with more images, with data.augment, or with more model.dropout
            """
    }
}
