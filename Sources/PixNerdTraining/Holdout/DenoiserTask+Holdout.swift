import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdTensors

/// The loss of images that is comparable from evaluation to evaluation.
extension DenoiserTask {
    func drawnTimes(_ count: Int) -> [Float]? {
        (0..<count).map { index in
            var numbers = RandomStream.fixed(seed: configuration.seed, purpose: .times, measurement: index)
            return time(&numbers, configuration.training.timeShift)
        }
    }

    /// The loss that is reported by time. Parts that are added to it are left out.
    func fixedLosses(
        _ loaded: LoadedBatch, isPrecomputed: Bool, times: [Float], first: Int
    ) throws -> [Float] {
        let draws = Draws(seed: configuration.seed, step: RandomStream.fixedStep, first: first)
        let space = preparation.space
        let data =
            isPrecomputed
            ? try space.data(of: loaded) { draws.stream(.latents, $0) }
            : space.space.encode(loaded) { draws.stream(.latents, $0) }
        let noise = noise(data.shape, draws)
        let holdout = preparation.holdout
        let prompts = prompts(of: loaded, in: isPrecomputed ? holdout.all : holdout.source ?? holdout.all)
        let condition = try shown(conditioner.condition(prompts) { _ in false }, data, loaded, draws)
        let batch =
            lessons?.batch(
                model, objective.prediction, data: data, noise: noise, times: times, condition: condition, draws,
                isDropped: { _ in false }, later: { time(&$0, configuration.training.timeShift) })
            ?? TrainingBatch(
                data: data, noise: noise, times: times, condition: condition, covered: loaded.coveredMask)
        let loss = TrainingObjective(
            prediction: objective.prediction, timeWeight: objective.timeWeight, diffusion: objective.diffusion)
        return loss.loss(model, batch).pictures.flow
    }
}

extension RandomStream {
    /// The step whose numbers fixed noise is made of. It is beyond those of all runs, so that no step of training has the
    /// same ones.
    static let fixedStep = Int(UInt32.max)

    /// The numbers of a measurement with fixed noise.
    static func fixed(seed: UInt64, purpose: RandomPurpose, measurement: Int) -> RandomStream {
        RandomStream(seed: seed, purpose: purpose, step: fixedStep, index: measurement)
    }
}
