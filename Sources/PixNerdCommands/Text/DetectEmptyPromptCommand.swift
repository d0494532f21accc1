import ArgumentParser
import Foundation
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSupport
import PixNerdTensors

struct DetectEmptyPromptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detect-empty-prompt",
        abstract: "Finds out which rows of the empty prompt a text model was trained with.",
        discussion: """
            An empty prompt is padding alone. In transformers up to 4.52 its rows attend to padding, in later versions \
            to nothing; the two differ, and a checkpoint does not say which it was trained with. The unconditional loss \
            on a few images is lower with those of training.

              pixnerd detect-empty-prompt model.ckpt photos --text-encoder Qwen3-1.7B
            """)

    @Argument(help: "A run directory, a step in one, or a file of weights.")
    var checkpoint: String

    @Argument(help: "Images like those of training: a folder, or WebDataset shards.")
    var pictures: String

    @Option(help: "The directory of the text encoder (default: the one that the run recorded).")
    var textEncoder: String?

    @Option(help: "Number of images.")
    var count = 16

    @Option(help: "Side of their centre crops in pixels (default: the training size).")
    var size: Int?

    @Option(help: "Matrix-multiply precision: fp32, or bf16 (twice as fast and more; needs AVX-512 BF16).")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    func validate() throws {
        try expectNoInt8(precision)
        try expectOption("--count", count, in: 2...SizeLimits.images)
        if let size { try expectOption("--size", size, in: 1...SizeLimits.side) }
    }

    func run() throws {
        threads.apply()
        try precision.check()
        var options = SamplingOptions()
        (options.textEncoder, options.size) = (textEncoder, size.map { ImageSize($0) })
        let sampling = try CheckpointSampling(path: checkpoint, options)
        let text = sampling.loaded.conditioner as? TextConditioner
        guard let text else {
            throw CommandError("\(checkpoint) is conditioned on classes and has no empty prompt; give a text model.")
        }
        guard let encoder = text.encoder else {
            throw CommandError("\(checkpoint) does not say which text encoder it uses; give it with --text-encoder.")
        }
        let collection = try ImageCollection.pictures(below: pictures)
        let progress = ProgressBar(total: min(count, collection.samples.count))
        let trial = try precision {
            try EmptyPromptTrial(
                sampling.loaded, encoder: encoder, collection, count: count, size: sampling.size.canvasHeight,
                isCancelled: Interruption.watch(), progress: { progress.show($0, "images") })
        }
        ProgressBar.breakLine()
        for convention in EmptyPrompt.ofCausalEncoders {
            print(
                TextTable.padded(convention.rawValue, to: 14) + "loss "
                    + String(format: "%.6f", trial.losses[convention] ?? .nan))
        }
        let certainty = String(format: "%.1f", trial.certainty)
        print(
            trial.isDecided
                ? "Trained with \(trial.better.rawValue) (\(certainty) standard errors apart): sample with "
                    + "--empty-prompt \(trial.better.rawValue)."
                : "Not decided: the losses are only \(certainty) standard errors apart; use more images with --count.")
    }
}
