import PixNerdImages
import PixNerdPrecompute
import PixNerdSupport
import PixNerdTensors

/// Features that `pixnerd encode features` wrote: float16, in shards.
struct FeatureCache {
    private let shards: ShardReader<FeatureManifest>

    /// Opens the directory and checks that it is complete and of these pictures.
    init(path: String, pictures: ImageCollection) throws {
        shards = try ShardReader(path: path, pictures: pictures, key: "repa.features")
    }

    var path: String { shards.path }
    var manifest: FeatureManifest { shards.manifest }

    /// Checks that the features are of the squares that a run sees, on the grid of its patches.
    func check(_ configuration: Configuration, basePatch: Int) throws {
        let data = configuration.data
        guard data.crop == .center, !data.flip else {
            let setting = data.flip ? "data.flip is true" : "data.crop is \(data.crop.rawValue)"
            throw TrainingError(
                "\(path) holds features of the middle of each picture, but \(setting), which shows others; set "
                    + "\(data.flip ? "data.flip to false" : "data.crop to center"), or leave repa.features empty to run "
                    + "the encoder in the step.")
        }
        let differences: [(String, String, String)] = [
            ("data.image_size", String(data.imageSize), String(manifest.imageSize)),
            ("data.fast_decode", String(data.fastDecode), String(manifest.fastDecode)),
            ("repa.base_patch", String(basePatch), String(manifest.basePatch)),
        ]
        if let (key, asked, own) = differences.first(where: { $0.1 != $0.2 }) {
            throw TrainingError(
                "\(path) holds features for \(key) \(own), and \(key) is \(asked); make them anew with pixnerd encode "
                    + "features, or leave repa.features empty.")
        }
    }

    /// The features of a batch's pictures: [B, N, E].
    ///
    /// - Throws: `TrainingError` where a picture is not the one that the features were made from.
    func features(of batch: LoadedBatch) throws -> Tensor { try shards.rows(of: batch) }
}
