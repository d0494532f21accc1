import Foundation
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Commands that the program suggests can be pasted, and files that its texts name exist.
@Suite struct SuggestionTests {
    @Test(arguments: ["my run", "it's", "a\"b", "$HOME", "a;b", "*", "-x", "`x`", "Käse"])
    func theCommandAfterTrainingCanBePasted(name: String) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let output = try place.succeed("train", "tiny.yaml", "--set", "name=\(name)").output
            let command = try #require(output.components(separatedBy: "Sample from it: ").last)
            #expect(try words(command, place) == ["pixnerd", "sample", "runs/\(name)", "--out", "images.png"])
        }
    }

    @Test(arguments: [["a", "b c"], ["'"], ["", "~", "~/a", "a=b c", "!x", "\\"], ["\n", "#", "{a,b}", "$(x)"]])
    func quotedWordsAreThoseOfAShell(asked: [String]) throws {
        try Workplace.with { place in
            let read = try words(shellCommand(asked), place)
            #expect(read == asked)
        }
    }

    /// The words of a command as a shell reads them.
    private func words(_ command: String, _ place: Workplace) throws -> [String] {
        let script = "for word in \(command.trimmingCharacters(in: .newlines))\ndo printf '%s\\0' \"$word\"; done"
        let outcome = try place.finish("sh", place.start("sh", ["-c", script], program: "/bin/sh"))
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output.split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    @Test(arguments: [
        ("a,b", ["a", "b"]), (" a , b ", ["a", "b"]), ("\"a, b\",c", ["a, b", "c"]), ("'a,b'", ["a,b"]),
        ("it's", ["it's"]), ("'twas,b", ["'twas", "b"]), ("\"a\"\"b,c\"", ["a\"b,c"]), ("", []), (",,a,", ["a"]),
        ("'a'b,c", ["'a'b", "c"]), ("\"\"", [""]), ("a \"b, c", ["a \"b", "c"]),
    ])
    func listsWithCommasAndQuotes(text: String, entries: [String]) {
        #expect(commaList(text) == entries)
    }

    @Test func aClassWithACommaAndAQuoteIsSampled() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try FileManager.default.moveItem(atPath: place.path("shapes/ring"), toPath: place.path("shapes/red, it's"))
            try place.succeed("train", "tiny.yaml")
            try place.succeed(
                "sample", "runs/tiny", "--classes", "\"red, it's\",star", "--seeds", "1", "--steps", "2", "--out",
                "a.png")
            try place.refuse(
                "sample", "runs/tiny", "--classes", "red, it's", "--out", "b.png", naming: ["no class 'red'"])
        }
    }

    /// The repository that the tests are built from.
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test func everyFileThatTheTextsNameExists() throws {
        var texts: [String: String] = [:]
        for folder in ["docs", "Sources", "configs", "scripts", "Snippets"] {
            let names =
                FileManager.default.enumerator(atPath: "\(Self.root)/\(folder)")?.compactMap { $0 as? String } ?? []
            for name in names where [".md", ".swift", ".yaml", ".sh"].contains(where: name.hasSuffix) {
                texts["\(folder)/\(name)"] = try String(
                    contentsOfFile: "\(Self.root)/\(folder)/\(name)", encoding: .utf8)
            }
        }
        for name in ["README.md", "CONTRIBUTING.md", "Makefile"] {
            texts[name] = try String(contentsOfFile: "\(Self.root)/\(name)", encoding: .utf8)
        }
        #expect(texts.count > 100)
        var named = 0
        for (file, text) in texts {
            for match in text.matches(of: /\b(configs|docs)\/[A-Za-z0-9_.\/-]*\.(yaml|md)/) {
                // "configs/a.yaml" is the example of a place in a message.
                guard match.output.0 != "configs/a.yaml" else { continue }
                named += 1
                #expect(
                    FileManager.default.fileExists(atPath: "\(Self.root)/\(match.output.0)"),
                    "\(file) names \(match.output.0)")
            }
        }
        #expect(named > 20)
    }
}
