import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors

/// The loss of a denoiser: the error of its velocity, and the terms that are added to it.
public struct TrainingObjective: Sendable {
    /// What the network predicts.
    public var prediction: Prediction
    /// Weights of the error by time.
    public var timeWeight: TimeWeight
    /// The error of velocity by frequency; nil for none.
    public var frequency: FrequencyTerm?
    /// The dispersion of tokens; nil for none.
    public var dispersion: DispersionTerm?
    /// The alignment of tokens with features; nil for none.
    public var alignment: Alignment?
    /// The diffusion process whose noise a `NoisePredictor` learns, in the place of all of these; nil for a flow.
    public var diffusion: DiffusionSchedule?

    public init(
        prediction: Prediction = Prediction(), timeWeight: TimeWeight = .constant, frequency: FrequencyTerm? = nil,
        dispersion: DispersionTerm? = nil, alignment: Alignment? = nil, diffusion: DiffusionSchedule? = nil
    ) {
        self.prediction = prediction
        self.timeWeight = timeWeight
        self.frequency = frequency
        self.dispersion = dispersion
        self.alignment = alignment
        self.diffusion = diffusion
    }

    /// The loss of a batch, on the tape.
    ///
    /// The parts of the losses per image are `flow`, `frequency`, `disperse` and `align`, without their weights.
    ///
    /// - Parameter network: the network; what it gives as velocity is what `prediction` says.
    /// - Precondition: the batch has features [B, N, E] of the projector's width if tokens are aligned. With `diffusion`
    ///   its times are those of steps, and the network predicts noise.
    public func loss(_ network: some AlignableDenoiser, _ batch: TrainingBatch) -> TrainingLoss {
        if let diffusion { return noise(network, batch, along: diffusion) }
        let x = batch.point
        let blocks = [alignment?.layer, dispersion?.layer].compactMap(\.self)
        guard !blocks.isEmpty else {
            return flow(network.velocity(x, times: batch.times, condition: batch.condition), batch)
        }
        let (output, tokens) = network.velocity(
            x, times: batch.times, condition: batch.condition, tokensAfter: blocks)
        var loss = flow(output, batch)
        if let alignment {
            guard let features = batch.features else { preconditionFailure("TrainingObjective: no features to align") }
            let part = meanCosineDistance(alignment.projector(tokens[alignment.layer]!), target: features)
            loss = loss.adding("align", part.mean, part.pictures, weight: alignment.weight)
        }
        if let dispersion {
            let part = dispersiveLoss(
                tokens[dispersion.layer]!, form: dispersion.form, temperature: dispersion.temperature)
            loss = loss.adding(
                "disperse", part, [Float](repeating: part.scalar, count: batch.times.count), weight: dispersion.weight)
        }
        return loss
    }

    /// The loss of a model of a diffusion process, whose error of the noise takes the place of that of the velocity.
    private func noise(
        _ network: some AlignableDenoiser, _ batch: TrainingBatch, along schedule: DiffusionSchedule
    ) -> TrainingLoss {
        guard let predictor = network as? any NoisePredictor else {
            preconditionFailure("TrainingObjective: the network predicts no noise")
        }
        let loss = schedule.loss(
            predictor,
            DiffusionBatch(
                data: batch.data, noise: batch.noise, steps: batch.times.map(schedule.nearestStep),
                condition: batch.condition))
        return TrainingLoss(
            mean: loss.mean, pictures: loss.pictures.adding("flow", loss.pictures["noise"] ?? []))
    }

    /// The error of the velocity that an output of the network means.
    func flow(_ output: Tensor, _ batch: TrainingBatch) -> TrainingLoss {
        if let lesson = batch.lesson {
            let part = lesson.loss(prediction.velocity(output, of: batch.point, times: batch.times))
            return TrainingLoss(mean: part.mean, pictures: PictureLosses(flow: part.pictures))
        }
        let wanted = prediction.wanted(data: batch.data, noise: batch.noise)
        let weights = batch.times.map { timeWeight($0) }
        guard frequency != nil || prediction.subspace != nil else {
            let factors = prediction.errorFactors(batch.times).outside
            let part = coveredSquaredError(
                output, target: wanted, factors: zip(weights, factors).map { $0 * $1 * $1 }, covered: batch.covered)
            return TrainingLoss(mean: part.mean, pictures: PictureLosses(flow: part.pictures))
        }
        let error = prediction.error(output, wanted: wanted, times: batch.times)
        let part = coveredSquaredError(
            error, target: Tensor(zeros: error.shape), factors: weights, covered: batch.covered)
        let loss = TrainingLoss(mean: part.mean, pictures: PictureLosses(flow: part.pictures))
        guard let frequency else { return loss }
        let bands = frequencyLoss(error, quality: frequency.quality)
        return loss.adding("frequency", bands.mean, bands.pictures, weight: frequency.weight)
    }
}

/// The mean squared error of the velocity (Lipman et al., arXiv 2210.02747, equation 9, for the straight path).
public func flowMatchingLoss(_ denoiser: some Denoiser, _ batch: TrainingBatch) -> TrainingLoss {
    TrainingObjective().flow(
        denoiser.velocity(batch.point, times: batch.times, condition: batch.condition), batch)
}

/// The loss over the 8 x 8 discrete cosine transform of the error of velocity, in YCbCr, weighted by the quantization
/// tables of JPEG (DeCo; arXiv 2511.19365).
public struct FrequencyTerm: Sendable, Equatable {
    /// Weight relative to the velocity loss; 1 as published.
    public var weight: Float
    /// Quality of the tables, 1 to 100; 85 as published.
    public var quality: Int

    public init(weight: Float = 1, quality: Int = 85) { (self.weight, self.quality) = (weight, quality) }
}

/// A loss that keeps the tokens of the images of a batch apart (Wang and He, arXiv 2506.09027).
public struct DispersionTerm: Sendable, Equatable {
    public var form: DispersiveForm
    /// Weight relative to the velocity loss.
    public var weight: Float
    /// The block whose tokens are kept apart, counted from 1.
    public var layer: Int
    public var temperature: Float

    public init(form: DispersiveForm, weight: Float = 0.5, layer: Int = 8, temperature: Float = 1) {
        (self.form, self.weight, self.layer, self.temperature) = (form, weight, layer, temperature)
    }
}

extension TrainingLoss {
    /// This loss with a weighted part added to it.
    fileprivate func adding(_ name: String, _ part: Tensor, _ values: [Float], weight: Float) -> TrainingLoss {
        TrainingLoss(mean: sum(mean, scaled(part, by: weight)), pictures: pictures.adding(name, values))
    }
}
