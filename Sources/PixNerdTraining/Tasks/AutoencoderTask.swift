import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Training of an autoencoder, in whose latents denoisers can be trained.
///
/// A checkpoint is a diffusers directory with the EMA weights and `config.json`, which has the measured scaling factor,
/// plus the files that training resumes from.
final class AutoencoderTask: TrainingTask {
    private let preparation: AutoencoderPreparation
    private let model: Autoencoder
    private let loss: AutoencoderLoss

    /// File name of the raw weights in the directory of a step.
    static let rawFile = "raw.safetensors"
    /// File name of the EMA weights, which other programs read.
    private static let averageFile = "diffusion_pytorch_model.safetensors"
    /// Number of images in a preview.
    private static let previewPictures = 12

    init(_ preparation: AutoencoderPreparation, _ model: Autoencoder) throws {
        self.preparation = preparation
        self.model = model
        let section = preparation.configuration.autoencoder
        loss = AutoencoderLoss(
            section.reconstruction, divergenceWeight: section.divergenceWeight,
            perceptual: preparation.perceptual.map { ($0, section.perceptualWeight) })
    }

    private var configuration: Configuration { preparation.configuration }
    private var format: PixelFormat { preparation.decoding.format }

    var parameters: [Parameter] { model.parameters }
    var companions: [Parameter] { [] }
    var blockMatrices: [Parameter] { [] }
    var origins: TrainingOrigins { TrainingOrigins(perceptual: preparation.perceptual?.fingerprint) }

    func makeStepper(
        optimizer: any Optimizer, averages: [MovingAverage], gradientClip: Double?, exchange: GradientExchange?
    ) -> TrainingStepper {
        typealias Batch = (pictures: Tensor, noise: Tensor)
        let (model, loss, seed, format) = (model, loss, configuration.seed, format)
        let take = OptimizationStep<Batch>(
            optimizer: optimizer, averages: averages, gradientClip: gradientClip, exchange: exchange,
            count: \.pictures.shape[0]
        ) { batch in
            let value = loss(model, batch.pictures, noise: batch.noise)
            var parts = [
                "reconstruction": value.pictures, "divergence": value.pictures.map { _ in value.divergence },
            ]
            parts["perceptual"] = value.perceptual
            return TrainingLoss(mean: value.loss, pictures: PictureLosses(parts))
        }
        return { loaded, plan, step, shouldSkip in
            let batches: [Batch] = loaded.withPlaces(plan).map { part in
                let pictures = PixelSpace(format).encode(part.batch)
                let noise = Tensor.normal(model.latentShape(of: pictures)) { index in
                    RandomStream(seed: seed, purpose: .latents, step: step, index: part.first + index)
                }
                return (pictures, noise)
            }
            return TrainingStepResult(result: try take(batches, of: plan.step, shouldSkip: shouldSkip))
        }
    }

    func drawnTimes(_ count: Int) -> [Float]? { nil }

    /// The reconstruction error of each image.
    func fixedLosses(
        _ loaded: LoadedBatch, isPrecomputed: Bool, times: [Float], first: Int
    ) throws -> [Float] {
        let pictures = PixelSpace(format).encode(loaded)
        let noise = Tensor.normal(model.latentShape(of: pictures)) { index in
            RandomStream.fixed(seed: configuration.seed, purpose: .latents, measurement: first + index)
        }
        return AutoencoderLoss(loss.reconstruction)(model, pictures, noise: noise).pictures
    }

    /// Evenly spaced training images, and below them their reconstructions from the means of their latents.
    ///
    /// - Throws: `PixNerdError` if none of the images can be read.
    func preview() throws -> RGBImage {
        let pictures = preparation.pictures
        let reader = CropReader(
            pictures, imageSize: configuration.data.imageSize, decoding: preparation.decoding)
        var (originals, returned): ([RGBImage], [RGBImage]) = ([], [])
        for place in pictures.evenPlaces(Self.previewPictures) {
            guard let batch = reader.read([place], unreadable: { _ in }) else { continue }
            let picture = PixelSpace(format).encode(batch)
            originals += shownPictures(picture, format)
            returned += shownPictures(model.decode(model.encode(picture).mean), format)
        }
        guard !originals.isEmpty else {
            throw PixNerdError(.malformed, "\(pictures.root)", found: "has no readable image among those of a preview")
        }
        return ImageGrid.make(rows: [("image", originals), ("reconstruction", returned)])
    }

    func save(_ weights: [LateTensor], _ set: WeightSet, metadata: [String: String], to directory: String) throws {
        try SafetensorsWriter.write(
            zip(parameters, weights).map { SafetensorsWriter.Item(name: $0.name, shape: $0.value.shape, tensor: $1) },
            // PyTorch's loaders require this entry.
            metadata: metadata.merging(["format": "pt"]) { own, _ in own }, to: "\(directory)/\(Self.fileName(set))")
        guard case .average = set else { return }
        let json = try AutoencoderCheckpoint.configuration(
            model.architecture, scale: try withWeights(weights.map { $0() }) { try measuredScale() },
            sampleSize: configuration.data.squareSide, pixels: format == .rgb8 ? nil : format)
        try AtomicFile.write(json, to: "\(directory)/config.json")
    }

    /// The scale that brings each channel of the training images' latents to mean 0 and standard deviation 1 (Rombach
    /// et al., arXiv 2112.10752, appendix G, per channel).
    private func measuredScale() throws -> LatentScale {
        let statistics = try LatentStatistics(
            of: LatentSpace(model, format: format), preparation.pictures, imageSize: configuration.data.imageSize,
            decoding: PictureDecoding(exif: configuration.data.exif, format: format))
        guard let scale = statistics.scale else {
            throw PixNerdError(
                .notFinite, "The autoencoder's latents",
                found: "cannot be scaled: their channels have the standard deviations \(statistics.channelDeviations)",
                expected: "finite values greater than 0")
        }
        return scale
    }

    /// File name of weights in the directory of a step.
    static func fileName(_ set: WeightSet) -> String {
        switch set {
        case .raw: rawFile
        case .average: averageFile
        case .otherAverage(let decay): "ema-\(decay).safetensors"
        case .profile(let length): RunDirectory.averageName(length: length.text)
        }
    }

    func loadAverage(_ set: WeightSet, from directory: String) throws -> [Tensor] {
        let file = try SafetensorsFile(path: "\(directory)/\(Self.fileName(set))")
        return try Autoencoder(model.architecture, loading: file).parameters.map(\.value)
    }
}
