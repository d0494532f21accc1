import ArgumentParser
import Foundation
import Logging
import PixNerdImages
import PixNerdPrecompute
import PixNerdSupport
import PixNerdTraining

/// Images to encode, and the output directory.
struct EncodeOptions: ParsableArguments {
    @Argument(help: "Images: a folder, a .zip of one, or WebDataset shards.")
    var pictures: String

    @OptionGroup var labels: LabelArguments

    @Option(help: "Output directory.")
    var out: String

    @Option(help: "The run's data.image_size: side that images are cropped and scaled to.")
    var size = 256

    @Flag(help: "The run's data.fast_decode.")
    var fastDecode = false

    @Option(help: "Images per batch.")
    var batch = 16

    @OptionGroup var threads: ThreadsOption

    func validate() throws {
        try expectOption("--size", size, in: 1...SizeLimits.side)
        try expectOption("--batch", batch, in: 1...SizeLimits.batch)
    }

    func open() throws -> ImageCollection {
        threads.apply()
        return try ImageCollection.open(root: pictures, labels: labels.options)
    }

    /// Runs the work with a progress bar, and prints the result.
    ///
    /// - Parameters:
    ///   - subject: "features" or "latents".
    ///   - images: the images.
    ///   - work: encodes in batches of the given size.
    func run(
        _ subject: String, _ images: ImageCollection, logger: Logger,
        _ work: (_ batch: Int, ShardWatcher) throws -> ShardProgress
    ) throws {
        for remark in images.remarks { logger.warning("\(pictures): \(remark)") }
        let watcher = ShardWatcher(total: images.samples.count, unit: "images", batch: batch, logger: logger)
        let result = try work(batch, watcher)
        ProgressBar.breakLine()
        print(
            result.isFinished
                ? "\(subject.capitalized) of \(result.written + result.kept) images are in \(out), "
                    + "\(result.written) of them new."
                : "Stopped; run the same command again to resume \(out).")
    }
}
