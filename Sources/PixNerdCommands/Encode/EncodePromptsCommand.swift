import ArgumentParser
import Foundation
import PixNerdModels
import PixNerdPrecompute
import PixNerdSampling
import PixNerdSupport
import PixNerdTensors
import PixNerdText

extension CaptionCleaning: ExpressibleByArgument {}

struct EncodePromptsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prompts",
        abstract: "Writes the rows of a text encoder for prompts, each into a file of its own.",
        discussion: """
            A large encoder such as T5-XXL then runs once, and its rows are kept. Files are .npz as PixArt's programs \
            keep them: caption_feature [1, L, E] and attention_mask [1, L]. They are named after their prompts, or after \
            the beginning and a hash of them. Running the same command again writes those that are missing.

              pixnerd encode prompts PixArt-Sigma-XL-2-512-MS --prompt "a red bicycle" \\
                --length 300 --cleaning published --out rows
              pixnerd encode prompts flan-t5-large --prompts prompts.txt --length 256 --out rows
            """)

    @Argument(help: "Text encoder: a directory as it is downloaded, or a pipeline with text_encoder and tokenizer.")
    var encoder: String

    @Option(help: "A prompt; may be given several times.")
    var prompt: [String] = []

    @Option(help: "A file with a prompt in each line.")
    var prompts: String?

    @Option(help: "Output directory.")
    var out: String

    @Option(help: "Number of tokens that prompts are cut or padded to: PixArt-alpha reads 120, Sigma 300.")
    var length = 120

    @Option(
        help: """
            What is done with a prompt first: none, plain (lower case, without blanks at the ends), or published (as \
            captions of PixArt).
            """)
    var cleaning = CaptionCleaning.none

    @Option(
        help: "For encoders that give rows of padding, what those of an empty prompt see: sees-nothing or sees-padding."
    )
    var emptyPrompt = EmptyPrompt.seesNothing

    @Option(help: "Matrix-multiply precision: fp32, or bf16 (twice as fast and more; needs AVX-512 BF16).")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    func validate() throws {
        try expectNoInt8(precision)
        try expectOption("--length", length, in: 1...SizeLimits.textLength)
        guard !prompt.isEmpty || prompts != nil else {
            throw ValidationError("There is no prompt; give it with --prompt or a file of prompts with --prompts.")
        }
    }

    func run() throws {
        threads.apply()
        try precision.check()
        let logger = makeLogger()
        let all = try prompt + (prompts.map { try PromptFile.lines($0) } ?? [])
        let encoder = try TextEncoder(path: encoder, keepsWeights: all.count > 1)
        let folder = try PromptFolder(
            encoder, length: length, emptyPrompt: emptyPrompt, cleaning: cleaning.rawValue, to: out)
        logger.notice("\(encoder.architecture.name); \(counted(all.count, "prompt"))")
        let progress = ProgressBar(total: all.count)
        let isCancelled = Interruption.watch()
        var written = 0
        for (done, prompt) in all.enumerated() {
            if !folder.holds(prompt) {
                let text = cleaning(prompt)
                if let lost = encoder.cutOff(text, length: length) {
                    logger.warning("'\(text.prefix(40))' has more than \(length) tokens; not used: '\(lost)'")
                }
                do {
                    try precision { try folder.write(prompt, as: text, isCancelled: isCancelled) }
                } catch is CancellationError {
                    ProgressBar.breakLine()
                    return print("Stopped; run the same command again to resume \(out).")
                }
                written += 1
            }
            progress.show(done + 1, "prompts")
        }
        ProgressBar.breakLine()
        print("Rows of \(counted(all.count, "prompt")) are in \(out), \(written) of them new.")
    }
}
