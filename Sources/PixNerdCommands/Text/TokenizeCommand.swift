import ArgumentParser
import Foundation
import PixNerdSupport
import PixNerdText

struct TokenizeCommand: ParsableCommand {
    static let name = "tokenize"

    static let configuration = CommandConfiguration(
        commandName: name, abstract: "Shows the tokens of a prompt, and what is cut off.",
        discussion: """
              pixnerd tokenize Qwen3-1.7B "a red circle on blue"
              pixnerd tokenize Qwen3-1.7B - --json < caption.txt
              pixnerd tokenize PixArt-Sigma-XL-2-512-MS "a red circle" --length 300
            """)

    @Argument(help: "Directory of a text encoder or a pipeline, or its tokenizer.json or spiece.model.")
    var encoder: String

    @Argument(help: "The prompt; - reads it from standard input, without its last newline.")
    var text: String

    @Option(help: "Tokens that the model reads: later ones are cut off, and missing ones are padding.")
    var length = 128

    @Flag(help: "Print JSON.")
    var json = false

    /// Bytes of a prompt above which it is taken for something else.
    private static let longestText = 64 << 20

    func validate() throws {
        try expectOption("--length", length, in: 1...SizeLimits.width)
    }

    func run() throws {
        let tokenizer = try Tokenizer(path: encoder)
        let text = text == "-" ? try Self.standardInput() : text
        let row = tokenizer.row(text, length: length)
        let tokens = row.ids.prefix(row.count).map { Report.Token(id: $0, text: tokenizer.spelling(of: $0)) }
        if json {
            let report = Report(
                tokens: tokens, count: row.count, fullCount: row.fullCount, length: length, lost: row.lost,
                padding: tokenizer.padding, fingerprint: tokenizer.fingerprint)
            return print(try JSON.text(report, isPretty: true))
        }
        if !tokens.isEmpty {
            let rows = tokens.enumerated().map { place, token in
                ["\(place)", "\(token.id)", "\"\(printable(token.text))\""]
            }
            print(TextTable.lines(["place", "id", "text"], rows).joined(separator: "\n") + "\n")
        }
        print(Self.summary(of: row, length: length, padding: tokenizer.padding))
    }

    private static func summary(of row: TokenRow, length: Int, padding: Int) -> String {
        if let lost = row.lost {
            return "\(counted(row.fullCount, "token")), and a row has \(length): the last "
                + "\(row.fullCount - length) are cut off, which are \"\(printable(lost))\"."
        }
        let rest = length - row.count
        let padded = rest == 0 ? "none of it is padding" : "the other \(rest) are padding, each with the id \(padding)"
        return "\(counted(row.count, "token")) in a row of \(length): \(padded)."
    }

    /// The text of standard input without its last newline.
    private static func standardInput() throws -> String {
        let data = try FileHandle.standardInput.read(upToCount: longestText + 1) ?? Data()
        guard data.count <= longestText else {
            throw CommandError("Standard input has more than \(longestText >> 20) MB, which is no prompt.")
        }
        guard var text = String(validating: data, as: UTF8.self) else {
            throw CommandError("Standard input is not UTF-8; convert the text, for example with iconv.")
        }
        if text.unicodeScalars.last == "\n" { text.unicodeScalars.removeLast() }
        if text.unicodeScalars.last == "\r" { text.unicodeScalars.removeLast() }
        return text
    }
}

/// The tokens of a prompt as JSON.
private struct Report: Encodable {
    struct Token: Encodable {
        let id: Int
        let text: String
    }

    let tokens: [Token]
    let count: Int
    let fullCount: Int
    let length: Int
    let lost: String?
    let padding: Int
    let fingerprint: String
}
