import ArgumentParser
import Foundation
import PixNerdModels
import PixNerdSampling
import PixNerdSupport
import PixNerdText

extension EmptyPrompt: ExpressibleByArgument {}
extension BenchmarkLayout: ExpressibleByArgument {}

/// The options of a text model: its prompts, and the encoder that reads them.
struct TextOptions: ParsableArguments {
    @Option(help: "A text to sample images of; may be given several times.")
    var prompt: [String] = []

    @Option(
        help: """
            A file with a text in each line; empty lines are left out. With --layout, the prompts as the benchmark \
            publishes them.
            """)
    var prompts: String?

    @Option(
        help: """
            Write the folder as the scorer of a benchmark reads it, with four images a prompt. geneval: --prompts is \
            its evaluation_metadata.jsonl. dpg: --prompts is its folder of .txt files.
            """)
    var layout: BenchmarkLayout?

    @Option(help: "A text whose content images shall not have. It takes the place of the empty prompt in guidance.")
    var negativePrompt: String?

    @Option(
        help: """
            The directory of the text encoder, as it is downloaded: config.json, tokenizer.json or spiece.model, and \
            safetensors files; or the output of pixnerd encode prompts (default: the one that the run recorded, or that of \
            the pipeline).
            """)
    var textEncoder: String?

    @Flag(help: "Allow a text encoder with other weights or another tokenizer than the model was trained with.")
    var textEncoderOverride = false

    @Option(
        help: """
            What an empty prompt is: sees-nothing, rows of padding that attend to nothing, as in transformers from 4.53; \
            sees-padding, as in earlier versions; encoded, what the encoder gives for no text, also for a model that has \
            rows of its own for it (default: what the run recorded, else the model's own rows, else sees-nothing).
            """)
    var emptyPrompt: EmptyPrompt?

    @Option(
        help: """
            What is done with prompts before they are encoded: none; plain (lower case); published (as PixArt's training \
            did: also without addresses, tags and long numbers) (default: published for a PixArt, else none).
            """)
    var captionCleaning: CaptionCleaning?

    func validate() throws {
        guard prompt.isEmpty || prompts == nil else {
            throw ValidationError("--prompt and --prompts exclude each other; give only one of them.")
        }
        guard layout == nil || prompts != nil else {
            throw ValidationError("--layout needs the benchmark's prompts; give them with --prompts.")
        }
    }

    /// Whether prompts are given.
    var areGiven: Bool { !prompt.isEmpty || prompts != nil }

    /// The texts to sample; empty if none are given.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read, is not UTF-8, or has no text.
    func texts() throws -> [String] {
        guard let prompts else { return prompt }
        return try PromptFile.lines(prompts)
    }

    /// The prompts of the benchmark; nil without --layout.
    func benchmark() throws -> BenchmarkPrompts? {
        guard let layout, let prompts else { return nil }
        return try BenchmarkPrompts(layout, path: prompts)
    }

    /// Copies these options to those of sampling.
    func apply(to options: inout SamplingOptions) {
        options.textEncoder = textEncoder
        options.allowsOtherTextEncoder = textEncoderOverride
        options.emptyPrompt = emptyPrompt
        options.negativePrompt = negativePrompt
        options.captionCleaning = captionCleaning
    }
}
