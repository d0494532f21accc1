import PixNerdKit

/// All that this program asks of the library.
enum PixNerdUse {
    /// Draws a folder of shapes and trains a tiny model on it.
    ///
    /// - Returns: the directory of the run.
    static func train(in folder: String, steps: Int, width: Int) throws -> String {
        try ShapesDataset.write(to: folder + "/shapes", imagesPerClass: 8, size: 32, seed: 1)
        var configuration = Configuration()
        configuration.name = "tiny"
        configuration.directory = folder
        configuration.data.root = folder + "/shapes"
        configuration.data.imageSize = 32
        configuration.model.hiddenSize = width
        configuration.model.heads = 2
        configuration.model.blocks = 3
        configuration.model.conditionedBlocks = 2
        configuration.model.patchSize = 8
        configuration.model.fieldWidth = 16
        configuration.training.steps = steps
        configuration.training.batchSize = 8
        configuration.training.previewEvery = 0
        let trainer = try Trainer(configuration, resume: false, logger: .init(label: "outside"))
        trainer.onProgress = { print("step \($0.done) of \($0.total)  \($0.details)") }
        guard try trainer.train() else { throw PixNerdError(.malformed, "the run", found: "did not end") }
        return configuration.runPath
    }

    /// Samples one image of a run.
    static func sample(_ run: String, size: Int, to path: String) throws {
        var options = SamplingOptions()
        options.size = ImageSize(size)
        options.steps = 4
        let job = try CheckpointSampling(path: run, options).job([PictureRequest(label: 0, seed: 1)])
        try ImageFile.writePNG(try job.images()[0], to: path)
    }

    /// The size of an image in a file, or the parts of the error where there is none.
    static func describe(_ path: String) -> String {
        do {
            let image = try ImageFile.read(path)
            return "\(image.width) x \(image.height)"
        } catch let error as PixNerdError {
            return error.sentence { $0.rawValue }
        } catch {
            return "\(error)"
        }
    }
}
