import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The requirements of training the temporal part of a video autoencoder: films as folders of frames, and the image
/// autoencoder that their frames are encoded with.
struct VideoAutoencoderPreparation: TrainingPreparation {
    let configuration: Configuration
    let clips: ClipFrames
    /// The films of `data.holdout_root`; nil for none.
    let otherClips: ClipFrames?
    let decoding: PictureDecoding
    let holdout: Holdout
    let spatial: Autoencoder
    let identity: AutoencoderIdentity
    /// The `config.json` of the image autoencoder.
    let spatialConfiguration: Data
    let architecture: TemporalArchitecture
    let memory: MemoryEstimate

    var buckets: ImageBuckets { ImageBuckets(size: configuration.data.imageSize, of: pictures) }

    /// Finds and checks the requirements of `configuration`.
    ///
    /// - Throws: `PixNerdError` if something is missing or does not fit.
    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        if let key = configuration.firstKeyWithoutFilms {
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set, but kind is video-autoencoder", advice: "remove it")
        }
        let path = configuration.latent.autoencoder
        guard !path.isEmpty else {
            throw PixNerdError(
                .notFound, "latent.vae", found: "is empty, but kind is video-autoencoder",
                advice:
                    "set it to the image autoencoder that frames are encoded with: a diffusers directory, a file, or a run "
                    + "of kind autoencoder")
        }
        try configuration.checkShapes()
        let checkpoint = try AutoencoderCheckpoint(path: path)
        spatial = try checkpoint.loadForColour()
        guard let scale = checkpoint.scale else {
            throw PixNerdError(
                .notFound, "\(path)", found: "does not say how its latents are scaled: it has no config.json",
                advice: "add one")
        }
        identity = AutoencoderIdentity(checkpoint, spatial, scale: LatentScale(factor: scale.factor))
        spatialConfiguration =
            try checkpoint.configuration
            ?? AutoencoderCheckpoint.configuration(
                checkpoint.architecture, scale: scale, sampleSize: configuration.data.squareSide)
        do {
            architecture = try configuration.video.architecture(channels: spatial.latentChannels)
        } catch let error as PixNerdError {
            throw error.about("The section video:")
        }
        let side = configuration.data.squareSide
        if let problem = sizeProblem(side, multiple: spatial.reduction) {
            throw PixNerdError(.invalidValue, "data.image_size", found: "\(problem)")
        }
        let frames = configuration.video.frames
        let clips = try ClipFrames(below: configuration.data.root, least: frames)
        self.clips = clips
        var others: ClipFrames?
        holdout = try Holdout(configuration, clips.films) { root in
            let found = try ClipFrames(below: root, least: frames)
            others = found
            return found.films
        }
        otherClips = others
        decoding = PictureDecoding(exif: configuration.data.exif)
        let training = configuration.training
        let batch = training.batchSize / training.accumulate
        var memory = MemoryEstimate(parameters: architecture.parameterCount, averages: training.emaDecay.count)
        let latents = side / spatial.reduction
        memory.addTraining(of: architecture, batch: batch, frames: frames, pixels: latents * latents)
        memory.add(spatial, size: configuration.data.imageSize, encodes: true)
        self.memory = memory
    }

    var description: [(name: String, text: String)] {
        let (side, frames) = (configuration.data.squareSide, configuration.video.frames)
        var lines = [("films", "\(pictures.samples.count), \(frames) frames of each at \(side) x \(side)")]
        if let text = holdout.description(configuration.training) { lines.append(("held out", text)) }
        let latents = side / spatial.reduction
        let giga =
            (Double(architecture.encodingMultiplyAdds(frames: frames, pixels: latents * latents))
                + Double(architecture.decodingMultiplyAdds(frames: frames, pixels: latents * latents))) / 1e9
        return lines + [
            (
                "model",
                "the temporal part of a video autoencoder of \(architecture.parameterCount) parameters, "
                    + "\(architecture.factor) frames for each latent, \(String(format: "%.3g", giga)) G multiply-adds per film"
            ), ("images", "encoded by \(identity.text)"),
        ]
    }

    func begin() throws -> any TrainingTask {
        VideoAutoencoderTask(self, TemporalAutoencoder(architecture, seed: configuration.seed))
    }

    func load(_ directory: String, _ origins: TrainingOrigins) throws -> any TrainingTask {
        let file = try SafetensorsFile(path: "\(directory)/\(AutoencoderTask.rawFile)")
        let found = try VideoAutoencoderCheckpoint(path: directory)
        guard found.temporal == architecture, found.numbers.piece == configuration.video.frames else {
            throw PixNerdError(
                .mismatch, "\(directory)", found: "holds a video autoencoder of other sizes than the configuration",
                advice: "resume with the run's own video section, or choose another name for a new run")
        }
        if let recorded = origins.autoencoder, !recorded.isSame(as: identity) {
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained on the latents of \(recorded.text), and latent.vae is \(identity.text)",
                advice: "set latent.vae to the run's own autoencoder, or choose another name for a new run")
        }
        return VideoAutoencoderTask(self, try TemporalAutoencoder(architecture, loading: file))
    }
}
