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
    private let preparation: DenoiserPreparation
    private let model: any AlignableDenoiser
    private let conditioner: any Conditioner
    /// The model on the token grid of training, with patches decoded at any density; nil if it has only one density.
    private let route: (any FieldResampledDenoiser)?
    /// The alignment of the model's tokens; nil for none.
    private let alignment: Alignment?

    init(
        _ preparation: DenoiserPreparation, _ model: any AlignableDenoiser, _ conditioner: any Conditioner,
        _ alignment: Alignment?
    ) {
        self.preparation = preparation
        self.model = model
        self.conditioner = conditioner
        route = model.fieldResampled(
            trainedSize: preparation.configuration.data.imageSize / preparation.space.space.reduction)
        self.alignment = alignment
    }

    private var configuration: Configuration { preparation.configuration }

    var parameters: [Parameter] { model.parameters }
    var companions: [Parameter] { alignment?.projector.parameters ?? [] }
    var origins: TrainingOrigins {
        TrainingOrigins(
            encoder: preparation.features?.fingerprint, text: preparation.text?.recorded,
            autoencoder: preparation.space.autoencoder?.identity)
    }

    /// A batch, and the denoiser that its step trains.
    private struct Batch {
        let pictures: TrainingBatch
        let denoiser: any AlignableDenoiser
    }

    func makeStepper(
        optimizer: AdamW, averages: [MovingAverage], gradientClip: Double?, exchange: GradientExchange?
    ) -> TrainingStepper {
        let alignment = alignment
        let take = OptimizationStep<Batch>(
            optimizer: optimizer, averages: averages, gradientClip: gradientClip, exchange: exchange,
            count: \.pictures.data.shape[0]
        ) { batch in
            alignment.map { alignedLoss(batch.denoiser, batch.pictures, $0) }
                ?? flowMatchingLoss(batch.denoiser, batch.pictures)
        }
        return { loaded, plan, step, shouldSkip in
            let batches = try loaded.withPlaces(plan).map { try self.batch($0.batch, step: step, first: $0.first) }
            return TrainingStepResult(
                result: try take(batches, of: plan.step, shouldSkip: shouldSkip),
                times: batches.flatMap(\.pictures.times))
        }
    }

    /// Draws noise, times and dropped labels for images.
    ///
    /// - Parameter first: index of the first image in the whole batch.
    private func batch(_ loaded: LoadedBatch, step: Int, first: Int) throws -> Batch {
        let (seed, training) = (configuration.seed, configuration.training)
        @Sendable func stream(_ purpose: RandomPurpose, _ index: Int) -> RandomStream {
            RandomStream(seed: seed, purpose: purpose, step: step, index: first + index)
        }
        var density = RandomStream(seed: seed, purpose: .fieldSize, step: step)
        let data = atFieldSize(try preparation.space.data(of: loaded) { stream(.latents, $0) }, &density)
        let noise = Tensor.normal(data.shape) { stream(.noise, $0) }
        let times = (0..<loaded.count).map { index in
            var numbers = stream(.times, index)
            return shiftedTime(training.timeSampling.draw(&numbers), by: training.timeShift)
        }
        let prompts = loaded.captions.map { $0.map(Prompt.text) } ?? loaded.labels.map(Prompt.label)
        let condition = try conditioner.condition(prompts) { index in
            var numbers = stream(.labelDropout, index)
            return numbers.nextUniform() < training.labelDropout
        }
        let features = try preparation.features?.features(of: loaded)
        func batch(_ data: Tensor, _ noise: Tensor, _ denoiser: any AlignableDenoiser) -> Batch {
            Batch(
                pictures: TrainingBatch(
                    data: data, noise: noise, times: times, condition: condition, features: features),
                denoiser: denoiser)
        }
        guard let route else { return batch(data, noise, model) }
        let pixels = decodedPixels(data.shape, route, &density)
        guard pixels.isPart else { return batch(data, noise, route) }
        let whole = FlowPath.point(data: data, noise: noise, times: times)
        return batch(pixels(data), pixels(noise), route.decoding(pixels, of: whole))
    }

    /// Resizes the images to the size at which this step decodes patches: height and width are drawn from the training
    /// size and `training.field_sizes`.
    private func atFieldSize(_ data: Tensor, _ stream: inout RandomStream) -> Tensor {
        let sizes = [configuration.data.imageSize] + configuration.training.fieldSizes
        guard sizes.count > 1 else { return data }
        let (height, width) = (
            sizes[stream.nextInteger(below: sizes.count)], sizes[stream.nextInteger(below: sizes.count)]
        )
        guard (height, width) != (data.shape[2], data.shape[3]) else { return data }
        return resizedBicubic(data, height: height, width: width, kernel: .antialiased)
    }

    /// Draws the pixels to decode: per patch as many as at the training size, so that finer patches take no more time.
    private func decodedPixels(_ shape: [Int], _ route: any FieldResampledDenoiser, _ stream: inout RandomStream)
        -> PatchPixels
    {
        // Number of patches along a side.
        let grid = route.sizeMultiple
        return PatchPixels(
            ofPatch: shape[2] / grid, shape[3] / grid, atMost: preparation.architecture.patchSize, &stream)
    }

    /// The prompts of previews: the first classes, the lines of a file, or captions from all over the data.
    private func previewPrompts() throws -> [Prompt] {
        let (sampling, pictures) = (configuration.sampling, preparation.pictures)
        guard let captions = pictures.captions else {
            return Array(conditioner.allPrompts.prefix(min(sampling.classes, pictures.classes.count)))
        }
        if let texts = try configuration.previewTexts() { return texts.map(Prompt.text) }
        var prompts: [Prompt] = []
        for place in pictures.evenPlaces(sampling.classes) {
            if let prompt = captions[place].first.map(Prompt.text), !prompts.contains(prompt) { prompts.append(prompt) }
        }
        return prompts
    }

    /// Samples images of some prompts with fixed seeds.
    func preview() throws -> RGBImage {
        let sampling = configuration.sampling
        let prompts = try previewPrompts()
        let size = configuration.data.imageSize
        let conditions = TrainedConditions(dropout: configuration.training.labelDropout)
        // Guidance doubles the batch, so half a batch takes no more memory than training.
        let sampled = try SamplingJob(
            denoiser: model, conditioner: conditioner, space: preparation.space.space,
            size: PictureSize(height: size, width: size), settings: conditions.applied(to: sampling.settings),
            requests: RequestList.each(prompts: prompts, seeds: (0..<sampling.perClass).map(UInt64.init)),
            batch: max(1, configuration.training.batchSize / configuration.training.accumulate / 2)
        ).images()
        let rows = prompts.enumerated().map { row, prompt in
            let name = conditioner.name(of: prompt)
            return (
                label: ImageGrid.canDraw(name) ? name : nil,
                images: Array(sampled[row * sampling.perClass..<(row + 1) * sampling.perClass])
            )
        }
        return ImageGrid.make(rows: rows)
    }

    func save(_ weights: [LateTensor], _ set: WeightSet, metadata: [String: String], to directory: String) throws {
        let sampling = configuration.sampling
        var metadata = metadata.merging(
            [
                "architecture": try JSON.text(preparation.architecture),
                // The settings of previews, which are the defaults for sampling the model.
                "guidance": String(sampling.guidance),
                "guidance_interval": "\(sampling.guidanceLower),\(sampling.guidanceUpper)",
                "shift": String(sampling.shift),
                "sampling_steps": String(sampling.steps),
                TrainedConditions.key: String(configuration.training.labelDropout),
                DenoiserCheckpoint.fieldSizesKey: configuration.training.fieldSizes.map(String.init)
                    .joined(separator: ","),
            ]
        ) { own, _ in own }
        if let text = preparation.text {
            metadata[RecordedTextEncoder.key] = try JSON.text(text.recorded)
        } else {
            metadata["classes"] = try JSON.text(preparation.pictures.classes)
        }
        if let autoencoder = preparation.space.autoencoder {
            metadata[DenoiserCheckpoint.autoencoderKey] = autoencoder.identity.json
        }
        var others: [SafetensorsWriter.Item] = []
        if case .raw = set, let alignment {
            others = companions.map { companion in
                SafetensorsWriter.Item(
                    name: DenoiserCheckpoint.projectorPrefix + companion.name, shape: companion.value.shape
                ) { companion.value }
            }
            metadata["repa_layer"] = String(alignment.layer)
            metadata["repa_weight"] = String(alignment.weight)
        }
        let kind = set.kind
        try SafetensorsWriter.write(
            zip(parameters, weights).map {
                SafetensorsWriter.Item(name: kind.prefix + $0.name, shape: $0.value.shape, tensor: $1)
            } + others, metadata: metadata,
            to: "\(directory)/\(fileName(set))")
    }

    private func fileName(_ set: WeightSet) -> String {
        if case .otherAverage(let decay) = set { "ema-\(decay).safetensors" } else { set.kind.fileName }
    }

    func loadAverage(_ set: WeightSet, from directory: String) throws -> [Tensor] {
        let file = try SafetensorsFile(path: "\(directory)/\(fileName(set))")
        let average = try preparation.architecture.load(
            TensorSubset(file, prefix: WeightKind.ema.prefix), recomputesBlocks: false)
        return average.parameters.map(\.value)
    }
}

extension WeightSet {
    fileprivate var kind: WeightKind { if case .raw = self { .raw } else { .ema } }
}
