import PixNerdImages
import PixNerdPrecompute
import PixNerdSupport
import PixNerdTensors

/// Features written by `pixnerd encode features`: float16, in shards.
struct FeatureCache {
    private let shards: ShardReader<FeatureManifest>

    /// Opens the directory and checks that it is complete and belongs to these images.
    ///
    /// - Throws: `PixNerdError` if it is not.
    init(path: String, pictures: ImageCollection) throws {
        shards = try ShardReader(path: path, pictures: pictures, key: "repa.features")
    }

    var path: String { shards.path }
    var manifest: FeatureManifest { shards.manifest }

    /// Checks that the features belong to the crops that a run sees, on the grid of its patches.
    func check(_ configuration: Configuration, basePatch: Int) throws {
        let data = configuration.data
        guard data.crop == .center, !data.flip else {
            let setting = data.flip ? "data.flip is true" : "data.crop is \(data.crop.rawValue)"
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds features of the centre crop of each image, but \(setting)",
                advice: "set \(data.flip ? "data.flip to false" : "data.crop to center"), or leave repa.features "
                    + "empty to run the encoder during training")
        }
        let differences: [(String, String, String)] = [
            ("data.image_size", String(data.squareSide), String(manifest.imageSize)),
            ("data.fast_decode", String(data.fastDecode), String(manifest.fastDecode)),
            ("repa.base_patch", String(basePatch), String(manifest.basePatch)),
        ]
        if let (key, asked, own) = differences.first(where: { $0.1 != $0.2 }) {
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds features for \(key) \(own), but \(key) is \(asked)",
                advice: "regenerate them with pixnerd encode features, or leave repa.features empty")
        }
    }

    /// Features of the images of a batch: [B, N, E].
    ///
    /// - Throws: `PixNerdError` if an image is not the one that its features were computed from.
    func features(of batch: LoadedBatch) throws -> Tensor { try shards.rows(of: batch) }
}
