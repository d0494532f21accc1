import ArgumentParser
import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdText

/// The options of commands that look at captions beside images.
struct CaptionFlags: ParsableArguments {
    @Flag(help: "Look at captions beside the images: a.txt, metadata.jsonl or .csv, .txt or .json in shards.")
    var captions = false

    @OptionGroup var reading: CaptionArguments

    @Option(help: "Folder of a text encoder, to count captions that are too long for it.")
    var textEncoder: String?

    @Option(help: "Tokens of a caption that a model reads.")
    var textLength = 128

    func validate() throws { try expectOption("--text-length", textLength, in: 1...SizeLimits.width) }

    /// How captions are read; nil if no option asks for them.
    var options: CaptionOptions? {
        captions || reading.areGiven || textEncoder != nil ? reading.options : nil
    }

    func report(of survey: CaptionSurvey) throws -> CaptionReport {
        guard let textEncoder else { return CaptionReport(survey) }
        let tokenizer = try Tokenizer(path: textEncoder)
        return CaptionReport(survey, tokenLimit: textLength) { tokenizer.tokens($0).count }
    }
}

/// The part of a report that is about captions.
enum CaptionText {
    /// - Parameter line: writes a name, a count and its meaning in columns.
    static func lines(
        _ report: CaptionReport, line: (_ name: String, _ count: Int, _ meaning: String?) -> String
    ) -> [String] {
        let newline = report.keepsNewline ? "kept" : "removed"
        let counts: [(String, Int, String?)] = [
            ("from text files", report.fromTextFiles, "a line break at the end is \(newline)"),
            ("from tables or JSON", report.fromData, nil), ("several", report.several, "one is drawn each time"),
            ("empty", report.empty, "stand for no condition"), ("without", report.without, "training refuses them"),
            ("not UTF-8 text", report.notUTF8, "training refuses them"),
            ("unusable", report.unusable, "training refuses them"),
        ]
        var lines = ["", "captions", line("images with a caption", report.withCaption, nil)]
        lines += counts.filter { $0.1 > 0 }.map { line($0.0, $0.1, $0.2) }
        if let characters = report.characters {
            lines.append("  \(characters.smallest) to \(characters.largest) characters, median \(characters.median)")
        }
        if let tokens = report.tokens, let limit = report.tokenLimit, let longer = report.longerThanLimit {
            lines.append("  \(tokens.smallest) to \(tokens.largest) tokens, median \(tokens.median)")
            lines.append(
                line("longer than \(limit) tokens", longer, longer == 0 ? nil : "cut \(share(longer, report.captions))")
            )
        }
        lines += report.uncaptioned.map { "  without: \(printable($0))" }
        lines += report.problems.map { "  \(printable($0))" }
        guard !report.examples.isEmpty else { return lines }
        return lines + ["", "examples"]
            + report.examples.flatMap { example in
                ["  \(printable(example.picture))"]
                    + example.captions.prefix(5).map { "    \(shortened(printable($0)))" }
            }
    }

    private static func share(_ count: Int, _ all: Int) -> String {
        let percent = Double(count) * 100 / Double(all)
        return percent < 0.1 ? "(less than 0.1 %)" : String(format: "(%.1f %%)", percent)
    }

    private static func shortened(_ text: String) -> String {
        text.count <= 110 ? text : text.prefix(107) + "..."
    }
}
