import PixNerdSupport

/// Distances of samples to real images, which a run measures while it trains.
extension Trainer {
    /// Makes the meter, on rank 0; nil on the others, and if nothing is measured.
    func makeDistanceMeter() throws -> DistanceMeter? {
        try communicator.agree {
            guard communicator.isRoot else { return nil }
            return try DistanceMeter(preparation, task) { reason in
                logger.warning("An image is not compared with, because it cannot be read: \(reason)")
            }
        }
    }

    /// Measures samples of the EMA that is sampled from, if this step is one of those. A measurement that fails is logged
    /// and does not end the run.
    ///
    /// - Returns: nil if nothing was measured.
    func measureDistances(_ meter: DistanceMeter?) -> [MeasuredDistance]? {
        let (training, step) = (configuration.training, state.step)
        guard training.distanceEvery > 0, step % training.distanceEvery == 0 || step == training.steps else {
            return nil
        }
        // Rank 0 needs the others to gather the average, but not to sample.
        let average = gatheredAverage() ?? task.trained.map(\.value)
        guard let meter else { return nil }
        do {
            return try with(average) { try meter.distances() }
        } catch {
            logger.error("the distances of step \(step) are not measured: \(clause(error)); training continues")
            return nil
        }
    }
}
