import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Training of a denoiser with flow matching, in pixels or latents.
final class DenoiserTask: TrainingTask {
    let preparation: DenoiserPreparation
    let model: any AlignableDenoiser
    let conditioner: any Conditioner
    let objective: TrainingObjective
    /// What a model of few steps learns; nil for other models.
    let lessons: FewStepLessons?
    let part: TrainedPart
    /// What the ControlNet is trained on; nil without one.
    private let control: ControlRecord?

    init(
        _ preparation: DenoiserPreparation, _ model: any AlignableDenoiser, _ conditioner: any Conditioner,
        _ objective: TrainingObjective, _ lessons: FewStepLessons?, _ part: TrainedPart, control: ControlRecord?
    ) {
        self.part = part
        self.preparation = preparation
        self.model = model
        self.conditioner = conditioner
        self.objective = objective
        self.lessons = lessons
        self.control = control
    }

    var configuration: Configuration { preparation.configuration }

    var parameters: [Parameter] { model.parameters }
    var trained: [Parameter] { part.parameters }
    var trainedText: String? { part.description }
    func apply() { part.apply() }
    func weights(_ trained: [LateTensor]) -> [LateTensor] { part.weights(trained) }
    var companions: [Parameter] { objective.alignment?.projector.parameters ?? [] }
    var blockMatrices: [Parameter] {
        let trained = Set(part.parameters.map(ObjectIdentifier.init))
        return model.blockMatrices.filter { trained.contains(ObjectIdentifier($0)) }
    }
    var origins: TrainingOrigins {
        TrainingOrigins(
            encoder: preparation.features?.fingerprint, text: preparation.text?.recorded,
            autoencoder: preparation.space.autoencoder?.identity, teacher: preparation.teacher?.fingerprint)
    }

    /// A batch, and the denoiser that its step trains.
    struct Batch {
        let pictures: TrainingBatch
        let denoiser: any AlignableDenoiser
        /// The dropout of its pass; nil for none.
        let dropout: BlockDropout?
        /// The factor of its loss.
        var weight: Float = 1
    }

    func makeStepper(
        optimizer: any Optimizer, averages: [MovingAverage], gradientClip: Double?, exchange: GradientExchange?
    ) -> TrainingStepper {
        let objective = objective
        let take = OptimizationStep<Batch>(
            optimizer: optimizer, averages: averages, gradientClip: gradientClip, exchange: exchange,
            count: \.pictures.data.shape[0], weight: \.weight
        ) { batch in
            BlockDropout.$current.withValue(batch.dropout) { objective.loss(batch.denoiser, batch.pictures) }
        }
        return { loaded, plan, step, shouldSkip in
            let batches = try loaded.withPlaces(plan).map { part in
                var batch = try self.batch(part.batch, step: step, first: part.first)
                batch.weight = self.preparation.subject?.weight(of: part.batch) ?? 1
                return batch
            }
            return TrainingStepResult(
                result: try self.part.during(step: step) { try take(batches, of: plan.step, shouldSkip: shouldSkip) },
                times: batches.flatMap(\.pictures.times))
        }
    }

    func save(_ trained: [LateTensor], _ set: WeightSet, metadata: [String: String], to directory: String) throws {
        let sampling = configuration.sampling
        var metadata = metadata.merging(
            [
                "architecture": try JSON.text(preparation.architecture),
                // The settings of previews, which are the defaults for sampling the model.
                "guidance": String(sampling.settings.guidance.scales[0]),
                "guidance_interval": "\(sampling.guidanceLower),\(sampling.guidanceUpper)",
                "shift": String(sampling.shift),
                "sampling_steps": String(sampling.steps),
                TrainedConditions.key: String(configuration.labelDropout),
                DenoiserCheckpoint.fieldSizesKey: configuration.training.fieldSizes.map(String.init)
                    .joined(separator: ","),
            ]
        ) { own, _ in own }
        let sizes = preparation.buckets.buckets.map(\.size.text)
        if sizes.count > 1 { metadata[DenoiserCheckpoint.bucketsKey] = sizes.joined(separator: ",") }
        if !objective.prediction.isPlain || !preparation.architecture.publishedPrediction.isPlain {
            metadata[DenoiserCheckpoint.targetKey] = objective.prediction.target.rawValue
            metadata[DenoiserCheckpoint.noiseScaleKey] = String(objective.prediction.noiseScale)
            metadata[DenoiserCheckpoint.floorKey] = String(objective.prediction.floor)
        }
        if preparation.decoding.format != .rgb8 {
            metadata[DenoiserCheckpoint.pixelFormatKey] = try JSON.text(preparation.decoding.format)
        }
        if let control { metadata[ControlRecord.key] = try JSON.text(control) }
        if let input = preparation.shown?.input { metadata[PictureInput.key] = try JSON.text(input) }
        if let largest = preparation.largestScale {
            metadata[DenoiserCheckpoint.largestScaleKey] = String(largest)
        }
        if let text = preparation.text {
            metadata[RecordedTextEncoder.key] = try JSON.text(text.recorded)
        } else {
            metadata["classes"] = try JSON.text(preparation.pictures.classes)
            if preparation.takesSets { metadata[DenoiserCheckpoint.setsKey] = "true" }
            if !preparation.values.isEmpty { metadata[TrainedValue.key] = try JSON.text(preparation.values) }
        }
        if let autoencoder = preparation.space.autoencoder {
            metadata[DenoiserCheckpoint.autoencoderKey] = autoencoder.identity.json
        }
        var others = model.constants.map { constant in
            SafetensorsWriter.Item(name: set.kind.prefix + constant.name, shape: constant.value.shape) {
                constant.value
            }
        }
        if let subspace = objective.prediction.subspace {
            let basis = subspace.basis
            others.append(SafetensorsWriter.Item(name: DenoiserCheckpoint.noiseBasisName, shape: basis.shape) { basis })
        }
        if case .raw = set, let alignment = objective.alignment {
            others += companions.map { companion in
                SafetensorsWriter.Item(
                    name: DenoiserCheckpoint.projectorPrefix + companion.name, shape: companion.value.shape
                ) { companion.value }
            }
            metadata["repa_layer"] = String(alignment.layer)
            metadata["repa_weight"] = String(alignment.weight)
        }
        let kind = set.kind
        try saveAdapter(trained, set, metadata: metadata, to: directory)
        try SafetensorsWriter.write(
            zip(parameters, weights(trained)).map {
                SafetensorsWriter.Item(name: kind.prefix + $0.name, shape: $0.value.shape, tensor: $1)
            } + others, metadata: metadata,
            to: "\(directory)/\(fileName(set))")
    }

    func fileName(_ set: WeightSet) -> String {
        switch set {
        case .raw, .average: set.kind.fileName
        case .otherAverage(let decay): "ema-\(decay).safetensors"
        case .profile(let length): RunDirectory.averageName(length: length.text)
        }
    }

    func loadAverage(_ set: WeightSet, from directory: String) throws -> [Tensor] {
        let file = try SafetensorsFile(path: "\(directory)/\(fileName(set))")
        let average = try preparation.architecture.load(
            TensorSubset(file, prefix: WeightKind.ema.prefix), recomputesBlocks: false)
        return try part.trained(of: average.parameters.map(\.value), adapter: adapter(set, in: directory))
    }
}

extension WeightSet {
    fileprivate var kind: WeightKind { if case .raw = self { .raw } else { .ema } }
}
