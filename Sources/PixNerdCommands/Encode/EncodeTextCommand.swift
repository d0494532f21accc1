import ArgumentParser
import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdPrecompute
import PixNerdSampling
import PixNerdSupport
import PixNerdTensors
import PixNerdText
import PixNerdTraining

struct EncodeTextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "text",
        abstract: "Writes the rows of a text encoder for all captions, for runs that are conditioned on them.",
        discussion: """
            Equal captions are encoded once. A run reads the rows if text.cache is their directory; its text.length and \
            text.empty_prompt must be the same. Running the same command again resumes stopped work.

              pixnerd encode text Qwen3-0.6B datasets/mine --out datasets/mine-text
              pixnerd train configs/shapes-text.yaml --set data.root=datasets/mine \\
                --set text.encoder= --set text.cache=datasets/mine-text
            """)

    @Argument(help: "Text encoder: a directory as it is downloaded.")
    var encoder: String

    @Argument(help: "Images with captions: a folder, or WebDataset shards.")
    var pictures: String

    @Option(help: "Output directory.")
    var out: String

    @Option(help: "The run's text.length: number of tokens that captions are cut or padded to.")
    var length = 128

    @Option(help: "The run's text.empty_prompt: sees-nothing or sees-padding.")
    var emptyPrompt = EmptyPrompt.seesNothing

    @Option(help: "What is done with captions first: published, as for PixArt, or none.")
    var cleaning = CaptionCleaning.none

    @OptionGroup var captions: CaptionArguments

    @Flag(help: "The run's data.skip_uncaptioned: leave out images without a caption.")
    var skipUncaptioned = false

    @Option(help: "A file with further texts, one in each line, such as the prompts of previews.")
    var prompts: String?

    @Option(help: "Captions that are encoded together.")
    var batch = 32

    @Option(help: "Matrix-multiply precision: fp32, or bf16 (twice as fast and more; needs AVX-512 BF16).")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    func validate() throws {
        try expectNoInt8(precision)
        try expectOption("--length", length, in: 1...SizeLimits.width)
        try expectOption("--batch", batch, in: 1...SizeLimits.batch)
    }

    func run() throws {
        threads.apply()
        try precision.check()
        let logger = makeLogger()
        var reading = captions.options
        reading.skipsUncaptioned = skipUncaptioned
        let collection = try ImageCollection.open(root: pictures, captions: reading)
        for remark in collection.remarks { logger.warning("\(pictures): \(remark)") }
        let found = collection.captions.map { Array($0.all) } ?? []
        let texts = try (found + (prompts.map { try PromptFile.lines($0) } ?? [])).map { cleaning($0) }
        let encoder = try TextEncoder(path: encoder, keepsWeights: true)
        let work = try CaptionEncoding(encoder, captions: texts, length: length, emptyPrompt: emptyPrompt, to: out)
        let size = String(format: "%.3g GB", Double(work.bytes) / 1e9)
        logger.notice("\(encoder.architecture.name); \(texts.count) captions, \(work.count - 1) different, \(size)")
        let cut = Set(texts).count { encoder.cutOff($0, length: length) != nil }
        if cut > 0 { logger.warning("\(counted(cut, "caption")) of more than \(length) tokens will be cut") }
        let result = try precision {
            try work.run(
                batchSize: batch, ShardWatcher(total: work.count, unit: "captions", batch: batch, logger: logger))
        }
        ProgressBar.breakLine()
        print(
            result.isFinished
                ? "Rows of \(result.written + result.kept) captions are in \(out), \(result.written) of them new."
                : "Stopped; run the same command again to resume \(out).")
    }
}
