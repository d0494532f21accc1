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

/// Training of the temporal part of a video autoencoder, on latents that a frozen image autoencoder draws for the frames of
/// films.
///
/// A checkpoint is a directory in the layout of Open-Sora 1.2 with the EMA weights, plus the files that training resumes from.
final class VideoAutoencoderTask: TrainingTask {
    private let preparation: VideoAutoencoderPreparation
    private let model: TemporalAutoencoder
    private let loss: TemporalLoss

    /// Number of films in a preview, and of frames of each.
    private static let previewFilms = 4
    private static let previewFrames = 6
    /// Most films whose latents are measured for the numbers of a checkpoint.
    private static let measuredFilms = 64
    /// Pixels that the image autoencoder encodes at once.
    private static let pixelsAtOnce = LatentSpace.pixelsAtOnce

    init(_ preparation: VideoAutoencoderPreparation, _ model: TemporalAutoencoder) {
        (self.preparation, self.model) = (preparation, model)
        let section = preparation.configuration.autoencoder
        loss = TemporalLoss(section.reconstruction, divergenceWeight: section.divergenceWeight)
    }

    private var configuration: Configuration { preparation.configuration }
    private var frames: Int { configuration.video.frames }
    private var side: Int { configuration.data.squareSide / preparation.spatial.reduction }

    var parameters: [Parameter] { model.parameters }
    var companions: [Parameter] { [] }
    var blockMatrices: [Parameter] { [] }
    var origins: TrainingOrigins { TrainingOrigins(autoencoder: preparation.identity) }

    func makeStepper(
        optimizer: any Optimizer, averages: [MovingAverage], gradientClip: Double?, exchange: GradientExchange?
    ) -> TrainingStepper {
        typealias Batch = (x: Tensor, noise: Tensor, count: Int)
        let (model, loss, frames) = (model, loss, frames)
        let take = OptimizationStep<Batch>(
            optimizer: optimizer, averages: averages, gradientClip: gradientClip, exchange: exchange, count: \.count
        ) { batch in
            let value = loss(model, batch.x, frames: frames, noise: batch.noise)
            return TrainingLoss(
                mean: value.loss,
                pictures: PictureLosses([
                    "reconstruction": value.clips, "divergence": value.clips.map { _ in value.divergence },
                ]))
        }
        let seed = configuration.seed
        return { [self] loaded, plan, step, shouldSkip in
            let films = preparation.pictures
            let batches: [Batch] = try loaded.withPlaces(plan).map { part in
                let x = try latents(
                    part.batch.indices.map { films.samples[$0] }, of: preparation.clips,
                    noise: { RandomStream(seed: seed, purpose: .latents, step: step, index: part.first * frames + $0) },
                    from: { film, choices in
                        // Fixed streams of films are numbered apart from those of steps.
                        var random = RandomStream(
                            seed: seed, purpose: .augmentation, step: step, index: part.first + film)
                        return random.nextInteger(below: choices)
                    })
                let count = model.latents(frames: frames)
                let noise = Tensor.normal([part.batch.count * count] + latentShape) { index in
                    RandomStream(seed: seed, purpose: .noise, step: step, index: part.first * count + index)
                }
                return (x, noise, part.batch.count)
            }
            return TrainingStepResult(result: try take(batches, of: plan.step, shouldSkip: shouldSkip))
        }
    }

    /// Channels and sides of a latent.
    private var latentShape: [Int] { [model.architecture.latentChannels, side, side] }

    /// Scaled latents of the frames of films, [B T, C, h, w].
    ///
    /// - Parameters:
    ///   - films: the first frame of each film.
    ///   - noise: the random stream of each frame, counted over all films; nil for the means.
    ///   - draw: chooses the first frame of a film among a number of them.
    /// - Throws: `PixNerdError` if a frame cannot be read.
    private func latents(
        _ films: [ImageCollection.Sample], of clips: ClipFrames, noise: ((_ frame: Int) -> RandomStream)?,
        from draw: @Sendable (_ film: Int, _ choices: Int) -> Int
    ) throws -> Tensor {
        let (frames, size, decoding) = (frames, configuration.data.imageSize, preparation.decoding)
        let loaded = try parallelMap(films.count) { index in
            Result {
                try clips.pixels(of: films[index], count: frames, size: size, decoding: decoding) { draw(index, $0) }
            }
        }.map { try $0.get() }
        let pictures = PixelSpace().encode(LoadedBatch(joining: loaded))
        let spatial = preparation.spatial
        let most = max(1, Self.pixelsAtOnce / (pictures.shape[2] * pictures.shape[3]))
        let moments = Tensor.concatenated(
            stride(from: 0, to: pictures.shape[0], by: most).map {
                spatial.moments(pictures.rows($0..<min($0 + most, pictures.shape[0])))
            })
        let (mean, logVariance) = gaussianParts(moments)
        let drawn = noise.map { stream in
            gaussianSample(
                mean: mean, logVariance: logVariance, noise: Tensor.normal(mean.shape, streams: stream))
        }
        return scaled(drawn ?? mean, by: preparation.identity.scale.factor)
    }

    func drawnTimes(_ count: Int) -> [Float]? { nil }

    /// The reconstruction error of the latents of each film's first frames.
    func fixedLosses(
        _ loaded: LoadedBatch, isPrecomputed: Bool, times: [Float], first: Int
    ) throws -> [Float] {
        let clips = isPrecomputed ? preparation.clips : preparation.otherClips ?? preparation.clips
        let (seed, frames, count) = (configuration.seed, frames, model.latents(frames: frames))
        let x = try latents(
            loaded.indices.map { clips.films.samples[$0] }, of: clips,
            noise: { .fixed(seed: seed, purpose: .latents, measurement: first * frames + $0) }, from: { _, _ in 0 })
        let noise = Tensor.normal([loaded.count * count] + latentShape) {
            RandomStream.fixed(seed: seed, purpose: .noise, measurement: first * count + $0)
        }
        return TemporalLoss(loss.reconstruction)(model, x, frames: frames, noise: noise).clips
    }

    /// Frames of evenly chosen films, and below them their reconstructions from the means of their latents.
    ///
    /// - Throws: `PixNerdError` if a film cannot be read.
    func preview() throws -> RGBImage {
        let films = preparation.pictures
        let places = (0..<min(Self.previewFrames, frames)).map { $0 * frames / min(Self.previewFrames, frames) }
        let rows = try films.evenPlaces(Self.previewFilms).flatMap { place in
            let film = films.samples[place]
            let shown = try preparation.clips.pixels(
                of: film, count: frames, size: configuration.data.imageSize, decoding: preparation.decoding
            ) { _ in 0 }
            let x = try latents([film], of: preparation.clips, noise: nil, from: { _, _ in 0 })
            let mean = gaussianParts(model.moments(x, frames: frames)).mean
            let back = scaled(model.decode(mean, frames: frames), by: 1 / preparation.identity.scale.factor)
            let pictures = PixelSpace().encode(shown)
            func some(_ tensor: Tensor) -> [RGBImage] {
                shownPictures(Tensor.concatenated(places.map { tensor.rows($0..<$0 + 1) }), .rgb8)
            }
            let decoded = Tensor.concatenated(
                places.map { preparation.spatial.decode(back.rows($0..<$0 + 1)) })
            return [("film", some(pictures)), ("reconstruction", shownPictures(decoded, .rgb8))]
        }
        return ImageGrid.make(rows: rows)
    }

    func save(_ weights: [LateTensor], _ set: WeightSet, metadata: [String: String], to directory: String) throws {
        let metadata = metadata.merging(["format": "pt"]) { own, _ in own }
        guard case .average = set else {
            return try SafetensorsWriter.write(
                zip(parameters, weights).map {
                    SafetensorsWriter.Item(name: $0.name, shape: $0.value.shape, tensor: $1)
                }, metadata: metadata, to: "\(directory)/\(AutoencoderTask.fileName(set))")
        }
        let numbers = try withWeights(weights.map { $0() }) { try measuredNumbers() }
        try VideoAutoencoderCheckpoint.write(
            preparation.spatial, configuration: preparation.spatialConfiguration, model, weights: weights, numbers,
            metadata: metadata, to: directory)
    }

    /// The numbers of the current weights: means and standard deviations of the channels of films' latents.
    private func measuredNumbers() throws -> VideoNumbers {
        var statistics = LatentStatistics(channels: model.architecture.latentChannels)
        let films = preparation.pictures
        for place in films.evenPlaces(Self.measuredFilms) {
            let x = try latents([films.samples[place]], of: preparation.clips, noise: nil, from: { _, _ in 0 })
            statistics.add(gaussianParts(model.moments(x, frames: frames)).mean)
        }
        let (shift, scale) = (statistics.channelMeans.map { Float($0) }, statistics.channelDeviations.map { Float($0) })
        guard (shift + scale).allSatisfy(\.isFinite), scale.allSatisfy({ $0 > 0 }) else {
            throw PixNerdError(
                .notFinite, "The latents of films",
                found: "cannot be normalized: their channels have the standard deviations \(scale)",
                expected: "finite values greater than 0")
        }
        return VideoNumbers(
            spatialFactor: preparation.identity.scale.factor,
            channels: ChannelNormalization(shift: shift, scale: scale),
            piece: frames)
    }

    func loadAverage(_ set: WeightSet, from directory: String) throws -> [Tensor] {
        guard case .average = set else {
            let file = try SafetensorsFile(path: "\(directory)/\(AutoencoderTask.fileName(set))")
            return try TemporalAutoencoder(model.architecture, loading: file).parameters.map(\.value)
        }
        return try VideoAutoencoderCheckpoint(path: directory).load().temporal.parameters.map(\.value)
    }
}
