import PixNerdImages
import PixNerdModels
import PixNerdPrecompute
import PixNerdTestSupport
import PixNerdTraining

extension TinyRuns {
    /// Aligns a run of 16 x 16 images in 4 x 4 patches with a small encoder.
    func align(_ configuration: inout Configuration) {
        configuration.model.patchSize = 4
        configuration.repa.encoder = Fixtures.path("dinov2/transformers-registers")
        configuration.repa.layer = 2
    }

    /// Aligns a run with the features that `encodeFeatures` wrote.
    func fromCache(_ configuration: inout Configuration) {
        align(&configuration)
        configuration.repa.encoder = ""
        configuration.repa.features = "\(directory)/features"
    }

    /// Writes the features of the images.
    @discardableResult
    func encodeFeatures(
        to name: String = "features", size: Int = 16, encoder: String = "transformers-registers", batchSize: Int = 5,
        stopAfter: Int = .max
    ) throws -> ShardProgress {
        let images = try ImageCollection.open(root: pictures)
        let encoder = try DINOv2File(path: Fixtures.path("dinov2/\(encoder)")).load()
        var asked = 0
        var watcher = ShardWatcher()
        watcher.shouldStop = {
            asked += 1
            return asked > stopAfter
        }
        return try FeatureEncoding(encoder, images, imageSize: size, basePatch: 4, to: "\(directory)/\(name)")
            .run(batchSize: batchSize, watcher)
    }
}
