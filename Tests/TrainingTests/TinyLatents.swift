import Checkpoints
import Images
import Models
import Training

/// Autoencoders and latents of some hundred weights, beside the tiny runs.
extension TinyRuns {
    /// An autoencoder of two channels that halves the sides.
    func makeAutoencoder(_ configuration: inout Configuration) {
        configuration.kind = .autoencoder
        configuration.model = Configuration().model
        configuration.autoencoder.latentChannels = 2
        configuration.autoencoder.widths = [8, 8]
        configuration.autoencoder.groups = 4
        configuration.autoencoder.hasAttention = false
        configuration.autoencoder.divergenceWeight = 1e-3
        configuration.training.steps = 6
    }

    /// Trains such an autoencoder.
    @discardableResult
    func trainAutoencoder(
        _ name: String = "autoencoder", resume: Bool = false, stopAfter: Int? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> Outcome {
        try train(name, resume: resume, stopAfter: stopAfter) {
            makeAutoencoder(&$0)
            change(&$0)
        }
    }

    /// A denoiser of 4 x 4 tokens in latents of 8 x 8.
    func inLatents(of autoencoder: String = "autoencoder", _ configuration: inout Configuration) {
        configuration.space = .latent
        configuration.latent.autoencoder = "\(directory)/\(autoencoder)"
        configuration.model.patchSize = 2
        configuration.data.flip = true
    }

    /// Writes the latents of a run's pictures.
    @discardableResult
    func encodeLatents(
        to name: String = "latents", of autoencoder: String = "autoencoder", size: Int = 16,
        type: ElementType = .float32, stopAfter: Int = .max
    ) throws -> ShardProgress {
        let checkpoint = try AutoencoderCheckpoint(path: "\(directory)/\(autoencoder)")
        var asked = 0
        var watcher = ShardWatcher()
        watcher.shouldStop = {
            asked += 1
            return asked > stopAfter
        }
        return try LatentEncoding(
            checkpoint.load(), name: autoencoder, ImageCollection.open(root: pictures), imageSize: size, type: type,
            to: "\(directory)/\(name)"
        ).run(batchSize: 5, watcher)
    }
}
