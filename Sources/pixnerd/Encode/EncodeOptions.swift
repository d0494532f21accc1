import ArgumentParser
import Foundation
import Logging
import PixNerdImages
import PixNerdPrecompute
import PixNerdTraining

/// What is encoded, and where to.
struct EncodeOptions: ParsableArguments {
    @Argument(help: "The pictures: a folder with a folder for each class, or WebDataset shards.")
    var pictures: String

    @Option(help: "The directory to write.")
    var out: String

    @Option(help: "The run's data.image_size: the side that pictures are cropped and scaled to.")
    var size = 256

    @Flag(help: "The run's data.fast_decode.")
    var fastDecode = false

    @Option(help: "Pictures at once.")
    var batch = 16

    @OptionGroup var threads: ThreadsOption

    func validate() throws {
        for (name, value) in [("--size", size), ("--batch", batch)] where value < 1 {
            throw ValidationError("\(name) is \(value); it must be at least 1.")
        }
    }

    func open() throws -> ImageCollection {
        threads.apply()
        return try ImageCollection.open(root: pictures)
    }

    /// Runs the work, showing how far it is, and says what became of it.
    ///
    /// - Parameters:
    ///   - subject: what is written: features, or latents.
    ///   - count: of the pictures.
    func run(
        _ subject: String, count: Int, logger: Logger, _ work: (_ batch: Int, ShardWatcher) throws -> ShardProgress
    ) throws {
        let progress = ProgressBar(total: count)
        let start = Date()
        var first: Int?
        var watcher = ShardWatcher()
        watcher.unreadable = { logger.warning("Left out, as training leaves it out: \($0)") }
        watcher.progress = { [batch] done in
            let begin = first ?? done - batch
            first = begin
            let rate = Double(done - begin) / max(Date().timeIntervalSince(start), 1e-9)
            progress.show(done, String(format: "%.1f pictures/s", rate))
        }
        watcher.shouldStop = Interruption.watch()
        let result = try work(batch, watcher)
        ProgressBar.breakLine()
        print(
            result.isFinished
                ? "\(subject.capitalized) of \(result.written + result.kept) pictures are in \(out), "
                    + "\(result.written) of them new."
                : "Stopped; the same command goes on with \(out).")
    }
}
