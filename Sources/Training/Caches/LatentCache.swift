import Diffusion
import Images
import Models
import Tensors

/// Distributions of latents that `pixnerd encode latents` wrote, without a scale.
struct LatentCache {
    private let shards: ShardReader<LatentManifest>

    /// Pictures whose latents are measured.
    private static let measured = 1024

    /// Opens the directory and checks that it is complete and of these pictures.
    init(path: String, pictures: ImageCollection) throws {
        shards = try ShardReader(path: path, pictures: pictures, key: "latent.cache")
    }

    var path: String { shards.path }
    private var manifest: LatentManifest { shards.manifest }

    /// Checks that the latents are this autoencoder's, and of the squares that a run sees.
    func check(_ configuration: Configuration, _ autoencoder: AutoencoderIdentity) throws {
        let data = configuration.data
        guard manifest.autoencoder == autoencoder.fingerprint else {
            throw TrainingError(
                "\(path) holds latents of \(manifest.autoencoderName) (weights \(manifest.autoencoder.prefix(8))), and "
                    + "latent.vae is \(autoencoder.text); make them anew with pixnerd encode latents, or leave "
                    + "latent.cache empty.")
        }
        guard data.crop == .center else {
            throw TrainingError(
                "\(path) holds latents of the middle of each picture, but data.crop is \(data.crop.rawValue), which shows "
                    + "others; set data.crop to center, or leave latent.cache empty to encode in the step.")
        }
        let differences: [(String, String, String)] = [
            ("data.image_size", String(data.imageSize), String(manifest.imageSize)),
            ("data.fast_decode", String(data.fastDecode), String(manifest.fastDecode)),
        ]
        if let (key, asked, own) = differences.first(where: { $0.1 != $0.2 }) {
            throw TrainingError(
                "\(path) holds latents for \(key) \(own), and \(key) is \(asked); make them anew with pixnerd encode "
                    + "latents, or leave latent.cache empty.")
        }
    }

    /// The distributions of a batch's pictures, mirrored or not: [B, 2 c, h, w], without a scale.
    ///
    /// - Throws: `TrainingError` where a picture is not the one that the latents were made from.
    func moments(of batch: LoadedBatch) throws -> Tensor { try shards.rows(of: batch) }

    /// Of latents drawn for pictures taken evenly from all.
    ///
    /// - Parameter space: latents are scaled as it does.
    func statistics(in space: LatentSpace) throws -> LatentStatistics {
        var statistics = LatentStatistics(channels: space.channels)
        let count = min(Self.measured, manifest.pictures)
        for index in 0..<count {
            let place = index * (manifest.pictures / count)
            guard let moments = try shards.rows(at: [place], column: 0) else { continue }
            statistics.add(
                space.latents(moments: moments) { _ in RandomStream(seed: 0, purpose: .latents, index: place) })
        }
        return statistics
    }
}
