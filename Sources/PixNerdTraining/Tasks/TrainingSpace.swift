import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The space that a denoiser is trained in, and where its data come from: pictures as they are loaded, or latents that
/// were computed ahead.
struct TrainingSpace {
    let space: any Space
    /// Whose latents are diffused; nil for pixels.
    let autoencoder: LatentAutoencoder?
    /// Distributions of latents that were computed ahead, where they are.
    let cache: LatentCache?

    /// - Throws: one sentence where the autoencoder or the cache cannot be had or does not fit the run.
    init(_ configuration: Configuration, _ pictures: ImageCollection) throws {
        let latent = configuration.latent
        guard configuration.space == .latent else {
            if let key = configuration.firstKeyInUse(of: "latent") {
                throw ConfigurationError(
                    "\(key) is set, but space is pixel; set space to latent, or leave \(key) out.")
            }
            (space, autoencoder, cache) = (PixelSpace(), nil, nil)
            return
        }
        guard !latent.autoencoder.isEmpty else {
            throw ConfigurationError(
                "space is latent, but latent.vae is empty; name an autoencoder: a directory of diffusers', a file, or a run "
                    + "of kind autoencoder.")
        }
        let autoencoder = try LatentAutoencoder(path: latent.autoencoder, scale: latent.scale)
        if !latent.cache.isEmpty {
            cache = try LatentCache(path: latent.cache, pictures: pictures, configuration, autoencoder)
        } else {
            cache = nil
        }
        space = autoencoder.space
        self.autoencoder = autoencoder
    }

    /// For a person; nil for pixels.
    var description: String? {
        guard let autoencoder else { return nil }
        let identity = autoencoder.identity
        return "\(identity.latentChannels) channels, f\(identity.reduction), of \(identity.text)"
            + (cache.map { ", from \($0.path)" } ?? "")
    }

    /// What is diffused of a batch's pictures: [B, C, h, w].
    ///
    /// - Throws: `TrainingError` where the cache does not hold them.
    func data(of batch: LoadedBatch, draws: @Sendable (_ picture: Int) -> RandomStream) throws -> Tensor {
        guard let cache, let latents = space as? LatentSpace else { return space.encode(batch, draws: draws) }
        return latents.latents(moments: try cache.moments(of: batch), draws: draws)
    }

    /// That the scale brings the latents of the pictures near mean 0 and deviation 1.
    ///
    /// - Throws: `TrainingError` with what was measured.
    func checkScale(_ configuration: Configuration, _ pictures: ImageCollection) throws {
        guard let autoencoder, configuration.latent.checkScale else { return }
        let statistics =
            try cache?.statistics(in: autoencoder.space)
            ?? LatentStatistics(of: autoencoder.space, pictures, imageSize: configuration.data.imageSize)
        let verdict = statistics.verdict(
            scale: autoencoder.identity.scale, architecture: autoencoder.model.architecture)
        guard !verdict.isNear else { return }
        throw TrainingError(
            "\(autoencoder.identity.path): \(verdict.sentence.dropLast()); mend its config.json, or set "
                + "latent.check_scale to false.")
    }

    /// That a saved step was trained in the same latents.
    ///
    /// - Throws: `TrainingError` that names both autoencoders.
    func expectSame(as recorded: AutoencoderIdentity?, _ directory: String, allowsOther: Bool) throws {
        switch (recorded, autoencoder?.identity) {
        case (nil, nil): return
        case (nil, let own?):
            throw TrainingError(
                "\(directory) was trained in pixels, and the configuration asks for the latents of \(own.text); resume "
                    + "with space: pixel, or give the new run a name of its own.")
        case (let recorded?, nil):
            throw TrainingError(
                "\(directory) was trained in the latents of \(recorded.text), and the configuration asks for pixels; "
                    + "resume with the run's own space and latent sections, or give the new run a name of its own.")
        case (let recorded?, let own?):
            guard !recorded.isSame(as: own), !allowsOther else { return }
            throw TrainingError(
                "\(directory) was trained in the latents of \(recorded.text), and latent.vae is \(own.text); resume with "
                    + "the run's own, or allow another by --vae-override.")
        }
    }
}
