import PixNerdOptimization
import PixNerdTensors

/// A denoiser that was trained to predict the noise of a diffusion process, and the variance of a step back.
public protocol NoisePredictor: Denoiser {
    /// Whether it predicts a variance, too.
    var learnsVariance: Bool { get }

    /// Noise and the place of the log variance between its bounds, [B, 2 C, H, W]; only noise, [B, C, H, W], of a model
    /// that predicts no variance.
    ///
    /// - Parameters:
    ///   - noisy: Noisy data of the diffusion process, [B, C, H, W].
    ///   - steps: B steps, 0 ... 999.
    func noiseAndVariance(_ noisy: Tensor, steps: [Int], condition: any Condition) -> Tensor
}

/// The inputs of a forward and backward pass of training a diffusion model.
public struct DiffusionBatch: Sendable {
    /// Clean data, [B, C, H, W].
    public let data: Tensor
    /// Standard normal noise, [B, C, H, W].
    public let noise: Tensor
    /// B steps, 0 ... 999.
    public let steps: [Int]
    public let condition: any Condition

    public init(data: Tensor, noise: Tensor, steps: [Int], condition: any Condition) {
        (self.data, self.noise, self.steps, self.condition) = (data, noise, steps, condition)
    }
}

extension DiffusionSchedule {
    /// The loss of a batch, on the tape: the error of the noise and the bound of the variance (Nichol and Dhariwal, arXiv
    /// 2102.09672). The parts per image are `noise` and `bound`; only the first for a model that predicts no variance.
    public func loss(_ model: some NoisePredictor, _ batch: DiffusionBatch) -> TrainingLoss {
        let numbers = batch.steps.map(numbers(of:))
        let noisy = Tensor.combination(
            numbers.map { Float($0.alpha) }, batch.data, numbers.map { Float($0.sigma) }, batch.noise)
        let output = model.noiseAndVariance(noisy, steps: batch.steps, condition: batch.condition)
        guard model.learnsVariance else {
            let ones = [Float](repeating: 1, count: batch.steps.count)
            let loss = weightedSquaredError(output, target: batch.noise, factors: ones)
            return TrainingLoss(mean: loss.mean, pictures: PictureLosses(["noise": loss.pictures]))
        }
        let loss = noiseAndVarianceLoss(output, data: batch.data, noise: batch.noise, steps: numbers)
        return TrainingLoss(mean: loss.mean, pictures: PictureLosses(["noise": loss.errors, "bound": loss.bounds]))
    }
}
