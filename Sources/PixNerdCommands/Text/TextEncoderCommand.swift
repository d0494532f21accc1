import ArgumentParser
import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdSupport

struct TextEncoderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "text-encoder", abstract: "Makes small text encoders.",
        discussion: """
              pixnerd text-encoder init encoder
            """,
        subcommands: [InitCommand.self])

    struct InitCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Makes a small Qwen3 with random weights and a tokenizer learned from captions.",
            discussion: """
                Random weights tell texts apart but know no language: a red circle and a crimson one are as different \
                as a circle and a boat. They are enough for a small model of few words, without a download. The folder \
                is laid out as published ones are: config.json, model.safetensors, tokenizer.json and \
                tokenizer_config.json.

                  pixnerd text-encoder init encoder
                  pixnerd text-encoder init encoder --hidden-size 256 --captions datasets/mine
                """)

        @Argument(help: "Folder to create; it must be empty or not exist.")
        var directory: String

        @Option(help: "Width of the rows, which the text model is trained with.")
        var hiddenSize = 128

        @Option(help: "Hidden width of the feed-forward layers (default: three times the width).")
        var intermediateSize: Int?

        @Option(help: "Number of layers.")
        var layers = 2

        @Option(help: "Number of attention heads.")
        var heads = 4

        @Option(help: "Number of heads of keys and values, which divides --heads (default: the same number).")
        var keyHeads: Int?

        @Option(help: "Width of a head, an even number (default: the width divided by the heads).")
        var headDim: Int?

        @Option(help: "Largest number of tokens that the tokenizer has.")
        var tokens = 1024

        @Option(help: "Seed of the weights.")
        var seed: UInt64 = 0

        @Option(
            help:
                "Captions to learn from: a text file with one in each line, or a dataset with captions (default: built in)."
        )
        var captions: String?

        func validate() throws {
            try expectOption("--hidden-size", hiddenSize, in: 1...SizeLimits.width)
            try expectOption("--intermediate-size", intermediateSize, in: 1...4 * SizeLimits.width)
            try expectOption("--layers", layers, in: 1...SizeLimits.blocks)
            try expectOption("--heads", heads, in: 1...SizeLimits.width)
            try expectOption("--key-heads", keyHeads, in: 1...heads)
            try expectOption("--head-dim", headDim, in: 2...SizeLimits.width)
            // The bytes, and some for the tokens that are added to them.
            try expectOption("--tokens", tokens, in: 300...1 << 20)
            guard heads % (keyHeads ?? heads) == 0 else {
                throw ValidationError("--key-heads is \(keyHeads ?? 0); it must divide --heads, \(heads).")
            }
            guard headDim != nil || hiddenSize % (2 * heads) == 0 else {
                throw ValidationError(
                    "--hidden-size is \(hiddenSize); it must be a multiple of twice --heads, \(heads), or --head-dim "
                        + "must be given.")
            }
            guard (headDim ?? 2) % 2 == 0 else {
                throw ValidationError("--head-dim is \(headDim ?? 0); it must be an even number.")
            }
        }

        func run() throws {
            let architecture = try Qwen3Architecture(
                width: hiddenSize, feedForwardWidth: intermediateSize ?? min(3 * hiddenSize, 4 * SizeLimits.width),
                depth: layers, heads: heads, keyHeads: keyHeads ?? heads, headWidth: headDim ?? hiddenSize / heads,
                vocabulary: tokens)
            let (made, learned) = try TextEncoderDirectory.make(
                at: directory, architecture, learningFrom: lines(), seed: seed)
            print(
                "A text encoder of \(made.architecture.parameterCount) parameters, width \(hiddenSize), with "
                    + "\(learned) tokens is in \(directory).")
        }

        /// The captions to learn from.
        private func lines() throws -> [String] {
            guard let captions else { return TextEncoderDirectory.usualLines }
            guard isFolder(captions) == false, fileExtension(captions) != "tar" else {
                let collection = try ImageCollection.open(
                    root: captions, captions: CaptionOptions(skipsUncaptioned: true))
                let texts = collection.captions.map { Array($0.all) } ?? []
                guard !texts.isEmpty else { throw CommandError("\(captions) has no captions to learn from.") }
                return texts
            }
            guard let text = try? String(contentsOfFile: captions, encoding: .utf8) else {
                throw CommandError(
                    "\(captions) is not a text file in UTF-8; give a file with one caption in each line.")
            }
            let lines = text.split(whereSeparator: \.isNewline).map(String.init)
            guard !lines.isEmpty else { throw CommandError("\(captions) has no captions to learn from.") }
            return lines
        }
    }
}
