import ArgumentParser
import Foundation
import Images
import Models
import Tensors
import Training

struct EncodeFeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Writes a DINOv2's features of every picture, for runs that are aligned with them.",
        discussion: """
            A run reads them by repa.features; it must see the middle of each picture (data.crop: center) unmirrored \
            (data.flip: false), at the same size. The same command goes on with work that was stopped.

              pixnerd encode features dinov2_vitb14_pretrain.pth datasets/mine --out datasets/mine-features
              pixnerd train configs/imagenet256-b16.yaml --set data.root=datasets/mine \\
                --set repa.features=datasets/mine-features
            """)

    @Argument(help: "A DINOv2 file of torch hub or transformers, or a directory of transformers.")
    var encoder: String

    @Argument(help: "The pictures: a folder with a folder for each class, or WebDataset shards.")
    var pictures: String

    @Option(help: "The directory to write.")
    var out: String

    @Option(help: "The run's data.image_size: the side that pictures are cropped and scaled to.")
    var size = 256

    @OptionGroup var options: EncoderOptions

    @Flag(help: "The run's data.fast_decode.")
    var fastDecode = false

    @Option(help: "Pictures at once.")
    var batch = 16

    @Option(help: "Threads; all processors where not given.")
    var threads: Int?

    func validate() throws {
        guard size >= 1 else { throw ValidationError("--size is \(size); it must be at least 1.") }
        guard batch >= 1 else { throw ValidationError("--batch is \(batch); it must be at least 1.") }
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads); it must be at least 1.") }
    }

    func run() throws {
        if let threads { Threads.count = threads }
        let collection = try ImageCollection.open(root: pictures)
        let model = try DINOv2File(path: encoder).load(heads: options.heads)
        let work = try FeatureEncoding(
            model, collection, imageSize: size, basePatch: options.basePatch ?? 16, fastDecode: fastDecode, to: out)
        let architecture = model.architecture
        let logger = makeLogger()
        logger.notice(
            "\(architecture.name), positions \(architecture.positionResampling.rawValue); \(collection.samples.count) pictures, \(String(format: "%.2f", Double(work.bytes) / 1e9)) GB of features in all"
        )
        let progress = Progress(total: collection.samples.count)
        let start = Date()
        var first: Int?
        let result = try work.run(
            batchSize: batch, unreadable: { logger.warning("Left out, as training leaves it out: \($0)") },
            progress: { done in
                let begin = first ?? done - batch
                first = begin
                let rate = Double(done - begin) / max(Date().timeIntervalSince(start), 1e-9)
                progress.show(done, String(format: "%.1f pictures/s", rate))
            }, shouldStop: Interruption.watch())
        progress.finish()
        print(
            result.isFinished
                ? "Features of \(result.written + result.kept) pictures are in \(out), \(result.written) of them new."
                : "Stopped; the same command goes on with \(out).")
    }
}
