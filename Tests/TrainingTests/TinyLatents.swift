import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdPrecompute
import PixNerdSpaces
import PixNerdTensors
import PixNerdTraining
import Testing

/// Autoencoders of a few hundred weights and their latents.
extension TinyRuns {
    /// Configures an autoencoder of two channels that halves the sides.
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

    /// Trains a small autoencoder.
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

    /// Configures a denoiser of 4 x 4 tokens in latents of 8 x 8.
    func inLatents(of autoencoder: String = "autoencoder", _ configuration: inout Configuration) {
        configuration.space = .latent
        configuration.latent.autoencoder = "\(directory)/\(autoencoder)"
        configuration.model.patchSize = 2
        configuration.data.flip = true
    }

    /// Writes the latents of the images.
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

    /// Writes latents in the layout of the published training code: a file with `mean` and `logvar` for each image.
    ///
    /// - Parameter change: applied to each value.
    func writeLatentFiles(
        to name: String = "files", of autoencoder: String = "autoencoder", _ change: (Float) -> Float = { $0 }
    ) throws {
        let codec = try AutoencoderCheckpoint(path: "\(directory)/\(autoencoder)").load()
        let collection = try ImageCollection.open(root: pictures)
        let reader = CropReader(collection, imageSize: 16)
        for (place, sample) in collection.samples.enumerated() {
            let batch = try #require(reader.read(place..<place + 1, unreadable: { _ in }))
            let moments = codec.moments(PixelSpace().encode(batch)).values.map(change)
            let path = "\(directory)/\(name)\(sample.name.dropFirst(pictures.count)).pt"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            // The format is recognized by the first bytes, so a safetensors file serves as a .pt file.
            try SafetensorsWriter.write(
                [("mean", moments.prefix(128)), ("logvar", moments.suffix(128))].map {
                    ($0, Tensor(Array($1), shape: [2, 8, 8]))
                }, to: path)
        }
    }
}
