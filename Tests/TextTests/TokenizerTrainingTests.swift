import Foundation
import PixNerdTestSupport
import Testing

@testable import PixNerdText

/// Learned tokenizers, against those that the tokenizers library learns.
@Suite struct TokenizerTrainingTests {
    private static let added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]

    private func corpus() throws -> [String] { try TextFixtures.read("corpus.json") }

    private func learn(_ lines: [String], tokens: Int, leastCount: Int = 2) throws -> LearnedTokenizer {
        try TokenizerTraining(tokens: tokens, addedTokens: Self.added, leastCount: leastCount).learn(from: lines)
    }

    /// The library's trainer gave the fixture from the same lines.
    @Test func itIsTheOneThatTheLibraryLearns() throws {
        let learned = try learn(corpus(), tokens: 485, leastCount: 1)
        let file = "\(TextFixtures.tokenizer)/tokenizer.json"
        let settings = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file)))
        let model = try #require((settings as? [String: Any])?["model"] as? [String: Any])
        let vocabulary = try #require(model["vocab"] as? [String: Int])
        #expect(learned.tokens == vocabulary.sorted { $0.value < $1.value }.map(\.key))
        let merges = try #require(model["merges"] as? [[String]])
        #expect(learned.merges.map { [learned.tokens[$0.left], learned.tokens[$0.right]] } == merges)
        #expect(learned.count == 485)
    }

    @Test func whatIsWrittenIsRead() throws {
        try withTemporaryDirectory { folder in
            try learn(corpus(), tokens: 485, leastCount: 1).write(to: folder)
            let tokenizer = try Tokenizer(path: folder)
            #expect(tokenizer.padding == 480 && tokenizer.idLimit == 485)
            for prompt in try TextFixtures.prompts() { #expect(tokenizer.tokens(prompt.prompt) == prompt.ids) }
            let configuration = try String(contentsOfFile: "\(folder)/tokenizer_config.json", encoding: .utf8)
            #expect(configuration.contains("\"tokenizer_class\" : \"Qwen2Tokenizer\""))
            #expect(configuration.contains("\"single_word\" : false") && configuration.contains("\"unk_token\" : null"))
        }
    }

    @Test func equalLinesGiveEqualFiles() throws {
        try withTemporaryDirectory { folder in
            var fingerprints = Set<String>()
            for lines in [try corpus(), try corpus().reversed()] {
                try learn(lines, tokens: 400).write(to: folder)
                fingerprints.insert(try Tokenizer(path: folder).fingerprint)
            }
            #expect(fingerprints.count == 1)
        }
    }

    @Test func rarePairsAreNotLearned() throws {
        #expect(try learn([], tokens: 300).count == 261)
        let learned = try learn(["ab", "ab", "cd"], tokens: 300)
        #expect(learned.count == 262 && learned.tokens.last == "ab")
        #expect(try learn(["ab", "ab", "cd"], tokens: 300, leastCount: 1).tokens.suffix(2) == ["ab", "cd"])
        // A run of one letter: its pairs overlap.
        #expect(try learn(["aaaaaaaa"], tokens: 263).tokens.suffix(2) == ["aa", "aaaa"])
    }

    @Test func namesOfAddedTokensAreQuoted() throws {
        try withTemporaryDirectory { folder in
            let added = ["<pad>", "\"\\\n\u{1}<é>"]
            try TokenizerTraining(tokens: 300, addedTokens: added).learn(from: ["one", "two"]).write(to: folder)
            let tokenizer = try Tokenizer(path: folder)
            #expect(tokenizer.tokens("<pad>\"\\\n\u{1}<é>") == [tokenizer.padding, tokenizer.padding + 1])
        }
    }

    @Test(arguments: [
        (5, ["<pad>"], "257"), (.max, ["<pad>"], "4194304"), (300, [], "added tokens"),
        (300, ["<a>", "<a>"], "different"),
        (300, ["a"], "two characters"), (300, [""], "different"),
    ])
    func wrongSizesAreRefused(tokens: Int, added: [String], named: String) {
        expectSentence(
            sentence { _ = try TokenizerTraining(tokens: tokens, addedTokens: added) }, naming: [named])
    }

    @Test func unwritableFoldersAreNamed() throws {
        let learned = try learn(["one"], tokens: 300)
        expectSentence(sentence { try learned.write(to: "/dev/null/x") }, naming: ["/dev/null/x/tokenizer.json"])
    }
}
