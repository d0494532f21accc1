import Foundation
import PixNerdTestSupport
import Testing

/// `pixnerd tokenize`.
@Suite struct TokenizeTests {
    private let encoder = Fixtures.path("t2i/qwen3")

    @Test func tokensAreShown() throws {
        try Workplace.with { place in
            let text = try place.succeed("tokenize", encoder, "a red square").output
            let lines = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
            #expect(lines[0] == ["place", "id", "text"])
            #expect(lines[1] == ["0", "64", "\"a\""])
            #expect(text.contains("\" red\"") && text.hasSuffix("are padding, each with the id 480.\n"))
            #expect(text.contains("tokens in a row of 128: the other "))
            let empty = try place.succeed("tokenize", encoder, "").output
            #expect(empty == "0 tokens in a row of 128: the other 128 are padding, each with the id 480.\n")
        }
    }

    @Test func whatIsCutOffIsSaid() throws {
        try Workplace.with { place in
            let text = try place.succeed("tokenize", encoder, "a red square on a blue field", "--length", "5").output
            let summary = "7 tokens, and a row has 5: the last 2 are cut off, which are \" blue field\".\n"
            #expect(text.hasSuffix(summary), "\(text)")
            #expect(text.split(separator: "\n").count == 7)
        }
    }

    @Test func jsonHasTheSame() throws {
        struct Report: Decodable {
            struct Token: Decodable {
                let id: Int
                let text: String
            }
            let tokens: [Token]
            let count: Int
            let fullCount: Int
            let length: Int
            let padding: Int
            let lost: String?
        }
        try Workplace.with { place in
            let prompt = "a red square on a blue field"
            let text = try place.succeed("tokenize", "--json", encoder, prompt, "--length=5").output
            let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
            #expect(report.tokens.map(\.id) == [64, 288, 363, 317, 275] && report.tokens[1].text == " red")
            #expect(report.count == 5 && report.fullCount == 7 && report.length == 5 && report.padding == 480)
            #expect(report.lost == " blue field")
        }
    }

    @Test func standardInputIsRead() throws {
        try Workplace.with { place in
            func run(_ bytes: String) throws -> Outcome {
                let command = "printf '\(bytes)' | \"$0\" tokenize \"$1\" - --json"
                let shell = try place.start(
                    "shell", ["-c", command, try Workplace.program(), encoder], program: "/bin/sh")
                return try place.finish("shell", shell)
            }
            let expected = try place.succeed("tokenize", encoder, "a red\nsquare", "--json").output
            for ending in ["", "\\n", "\\r\\n"] { #expect(try run("a red\\nsquare\(ending)").output == expected) }
            #expect(try run("a red\\nsquare\\n\\n").output != expected)
            let broken = try run("a \\377 b")
            #expect(broken.status != 0)
            expectSentence(String(broken.errors.dropFirst("Error: ".count).dropLast()), naming: ["UTF-8"])
        }
    }

    /// A prompt is no path.
    @Test func tildesInPromptsStay() throws {
        try Workplace.with { place in
            let expected = try place.succeed("tokenize", encoder, " ~nobody", "--json").output
            #expect(expected.contains("~") && expected.contains("\"count\""))
            for arguments in [[encoder, "~nobody", "--json"], ["--json", encoder, "~nobody"]] {
                let text = try place.succeed(["tokenize"] + arguments).output
                #expect(text.contains("\"text\" : \"~\""), "\(text)")
            }
            try place.refuse("tokenize", "~nobody/x", "a", naming: ["~nobody/x"])
        }
    }

    @Test func wrongArgumentsAreRefused() throws {
        try Workplace.with { place in
            try place.refuse("tokenize", "none", "a", naming: ["none"])
            try place.makeFolder("empty")
            try place.refuse("tokenize", "empty", "a", naming: ["empty", "no tokenizer.json"])
            try place.refuse("tokenize", encoder, "a", "--length", "0", naming: ["--length", "at least 1"])
        }
    }
}
