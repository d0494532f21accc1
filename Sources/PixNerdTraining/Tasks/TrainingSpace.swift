import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The space that a denoiser is trained in, and the source of its data: loaded images, or precomputed latents.
struct TrainingSpace {
    let space: any Space
    /// The autoencoder of the latents; nil for pixels.
    let autoencoder: LatentAutoencoder?
    /// Precomputed distributions of latents; nil to encode during training.
    let cache: LatentCache?

    /// Opens the space that a configuration names.
    ///
    /// - Parameter format: the pixels that images are loaded as.
    /// - Throws: `PixNerdError` if the autoencoder or the cache cannot be read or does not fit the run.
    init(_ configuration: Configuration, _ pictures: ImageCollection, format: PixelFormat) throws {
        let latent = configuration.latent
        guard configuration.space == .latent else {
            if let key = configuration.firstKeyInUse(of: "latent") {
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but space is pixel",
                    advice: "set space to latent, or remove \(key)")
            }
            (space, autoencoder, cache) = (PixelSpace(format), nil, nil)
            return
        }
        guard !latent.autoencoder.isEmpty else {
            throw PixNerdError(
                .invalidValue, found: "space is latent, but latent.vae is empty",
                advice: "set it to an autoencoder: a diffusers directory, a file, or a run of kind autoencoder")
        }
        let autoencoder = try LatentAutoencoder(
            path: latent.autoencoder, scale: latent.scale, normalization: latent.normalization)
        if !latent.cache.isEmpty {
            cache = try LatentCache(path: latent.cache, pictures: pictures, configuration, autoencoder)
        } else {
            cache = nil
        }
        space = autoencoder.space
        self.autoencoder = autoencoder
    }

    /// Latents and autoencoder in words; nil for pixels.
    var description: String? {
        guard let autoencoder else { return nil }
        let identity = autoencoder.identity
        return "\(identity.latentChannels) channels, f\(identity.reduction), of \(identity.text)"
            + (cache.map { ", from \($0.path)" } ?? "")
    }

    /// The images of a batch in this space: [B, C, h, w].
    ///
    /// - Parameter draws: returns the random numbers that an image's latents are sampled with.
    /// - Throws: `PixNerdError` if the cache does not hold them.
    func data(of batch: LoadedBatch, draws: @Sendable (_ picture: Int) -> RandomStream) throws -> Tensor {
        guard let cache, let latents = space as? LatentSpace else { return space.encode(batch, draws: draws) }
        return latents.latents(moments: try cache.moments(of: batch), draws: draws)
    }

    /// Checks that the scaled latents of the images have about mean 0 and standard deviation 1.
    ///
    /// - Throws: `PixNerdError` with the measured values.
    func checkScale(_ configuration: Configuration, _ pictures: ImageCollection) throws {
        guard let autoencoder, configuration.latent.checkScale else { return }
        let statistics =
            try cache?.statistics(in: autoencoder.space)
            ?? LatentStatistics(
                of: autoencoder.space, pictures, imageSize: configuration.data.imageSize,
                decoding: configuration.decoding(of: pictures))
        let verdict = statistics.verdict(
            scale: autoencoder.identity.scale, architecture: autoencoder.model.architecture)
        guard !verdict.isNear else { return }
        throw PixNerdError(
            .mismatch, "\(autoencoder.identity.path):", found: "\(verdict.text)",
            advice: "fix its config.json, or set latent.check_scale to false")
    }

    /// Whether this is the space of a model of an autoencoder's latents, or of pixels.
    ///
    /// - Parameter recorded: The autoencoder; nil for pixels.
    func isSame(as recorded: AutoencoderIdentity?) -> Bool {
        switch (recorded, autoencoder?.identity) {
        case (nil, nil): true
        case (let recorded?, let own?): recorded.isSame(as: own)
        default: false
        }
    }

    /// Checks that a checkpoint was trained in the same space.
    ///
    /// - Throws: `PixNerdError` naming both autoencoders.
    func expectSame(as recorded: AutoencoderIdentity?, _ directory: String, allowsOther: Bool) throws {
        switch (recorded, autoencoder?.identity) {
        case (nil, nil): return
        case (nil, let own?):
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained in pixels, but the configuration asks for the latents of \(own.text)",
                advice: "resume with space: pixel, or choose another name for a new run")
        case (let recorded?, nil):
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained in the latents of \(recorded.text), but the configuration asks for pixels",
                advice: "resume with the run's own space and latent section, or choose another name for a new run")
        case (let recorded?, let own?):
            guard !recorded.isSame(as: own), !allowsOther else { return }
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained in the latents of \(recorded.text), but latent.vae is \(own.text)",
                advice: "resume with the run's own autoencoder, or allow another with \(Setting.otherAutoencoder)")
        }
    }
}
