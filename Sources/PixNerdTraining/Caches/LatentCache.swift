import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdPrecompute
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Precomputed distributions of unscaled latents, written by `pixnerd encode latents` or in the layout of the published
/// training code.
struct LatentCache {
    private enum Origin {
        case shards(ShardReader<LatentManifest>)
        case files(LatentFiles)
    }

    private let origin: Origin
    /// Shape of the distributions of one image, [2 c, h, w].
    private let shape: [Int]
    private let pictures: Int

    /// Maximum number of images whose latents are measured.
    private static let measured = 1024

    /// Opens the directory and checks that it is complete and belongs to the autoencoder and to these images as the run
    /// sees them.
    ///
    /// - Throws: `PixNerdError` if it is not.
    init(path: String, pictures: ImageCollection, _ configuration: Configuration, _ autoencoder: LatentAutoencoder)
        throws
    {
        let side = configuration.data.squareSide / autoencoder.model.reduction
        shape = [2 * autoencoder.model.latentChannels, side, side]
        self.pictures = pictures.samples.count
        if try LatentManifest.read(in: path) == nil, let files = LatentFiles(path: path, pictures: pictures) {
            try files.check(configuration, autoencoder)
            origin = .files(files)
            return
        }
        let shards = try ShardReader<LatentManifest>(path: path, pictures: pictures, key: "latent.cache")
        try Self.check(shards, configuration, autoencoder.identity)
        origin = .shards(shards)
    }

    var path: String {
        switch origin {
        case .shards(let shards): shards.path
        case .files(let files): files.path
        }
    }

    private static func check(
        _ shards: ShardReader<LatentManifest>, _ configuration: Configuration, _ autoencoder: AutoencoderIdentity
    ) throws {
        let (path, manifest, data) = (shards.path, shards.manifest, configuration.data)
        guard manifest.autoencoder == autoencoder.fingerprint else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "holds latents of \(manifest.autoencoderName) (weights \(manifest.autoencoder.prefix(8))), but "
                    + "latent.vae is \(autoencoder.text)",
                advice: "regenerate them with pixnerd encode latents, or leave latent.cache empty")
        }
        guard data.crop == .center else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "holds latents of the centre crop of each image, but data.crop is \(data.crop.rawValue)",
                advice: "set data.crop to center, or leave latent.cache empty to encode during training")
        }
        let differences: [(String, String, String)] = [
            ("data.image_size", String(data.squareSide), String(manifest.imageSize)),
            ("data.fast_decode", String(data.fastDecode), String(manifest.fastDecode)),
        ]
        if let (key, asked, own) = differences.first(where: { $0.1 != $0.2 }) {
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds latents for \(key) \(own), but \(key) is \(asked)",
                advice: "regenerate them with pixnerd encode latents, or leave latent.cache empty")
        }
    }

    /// Unscaled distributions of the images of a batch: [B, 2 c, h, w].
    ///
    /// - Throws: `PixNerdError` if an image is not one that the latents were computed from.
    func moments(of batch: LoadedBatch) throws -> Tensor {
        switch origin {
        case .shards(let shards): try shards.rows(of: batch)
        case .files(let files): try files.moments(at: batch.indices, shape: shape)
        }
    }

    /// Statistics of scaled latents, drawn for evenly spaced images of the collection.
    ///
    /// - Parameter space: the space that scales the latents.
    func statistics(in space: LatentSpace) throws -> LatentStatistics {
        var statistics = LatentStatistics(channels: space.channels)
        let count = min(Self.measured, pictures)
        for place in (0..<count).map({ $0 * (pictures / count) }) {
            let moments =
                switch origin {
                case .shards(let shards): try shards.rows(at: [place], column: 0)
                case .files(let files): Optional(try files.moments(at: [place], shape: shape))
                }
            guard let moments else { continue }
            statistics.add(
                space.latents(moments: moments) { _ in RandomStream(seed: 0, purpose: .latents, index: place) })
        }
        return statistics
    }
}
