import Foundation
import PixNerdSupport
import PixNerdTestSupport
import PixNerdText
import Testing

/// Tokens of texts, against the tokenizers library.
@Suite struct TokenizerTests {
    private static let path = TextFixtures.tokenizer

    @Test(arguments: ["qwen3", "qwen3/tokenizer.json", "tokenizer_old_form.json"])
    func promptsHaveTheLibrarysTokens(file: String) throws {
        let tokenizer = try Tokenizer(path: Fixtures.path("t2i/\(file)"))
        let prompts = try TextFixtures.prompts()
        #expect(prompts.count == 20 && prompts.contains { $0.prompt == "" })
        for prompt in prompts { #expect(tokenizer.tokens(prompt.prompt) == prompt.ids, "\(prompt.prompt)") }
        #expect(tokenizer.padding == 480 && tokenizer.idLimit == 485)
    }

    @Test(
        .enabled(if: TextFixtures.hasPublished, "Qwen3's tokenizer.json is not there: run scripts/fetch_tokenizer.sh"))
    func promptsHaveTheTokensOfQwen3() throws {
        struct Published: Decodable { let prompts: [TextFixtures.Prompt] }
        let start = ContinuousClock.now
        let tokenizer = try Tokenizer(path: TextFixtures.published)
        // About 0.2 s; reading merge by merge as objects takes seconds.
        #if !DEBUG
            #expect(ContinuousClock.now - start < .seconds(2))
        #endif
        let prompts = try TextFixtures.read("real_ids.json", as: Published.self).prompts
        #expect(prompts.count == 20)
        for prompt in prompts { #expect(tokenizer.tokens(prompt.prompt) == prompt.ids, "\(prompt.prompt)") }
        #expect(tokenizer.padding == 151_643 && tokenizer.idLimit == 151_669)
    }

    @Test func fingerprintIsThatOfTheFile() throws {
        let tokenizer = try Tokenizer(path: Self.path)
        #expect(tokenizer.fingerprint == (try Fingerprint.text(ofFile: "\(Self.path)/tokenizer.json")))
        let other = try Tokenizer(path: Fixtures.path("t2i/tokenizer_old_form.json"))
        #expect(other.fingerprint != tokenizer.fingerprint)
    }

    @Test func rowsArePaddedAtTheRight() throws {
        let tokenizer = try Tokenizer(path: Self.path)
        let row = tokenizer.row("a red square", length: 8)
        let ids = tokenizer.tokens("a red square")
        #expect(row.count == ids.count && row.fullCount == ids.count && row.lost == nil)
        #expect(row.ids == ids + [Int](repeating: 480, count: 8 - ids.count))
        let empty = tokenizer.row("", length: 3)
        #expect(empty.ids == [480, 480, 480] && empty.count == 0 && empty.lost == nil)
        #expect(tokenizer.row("a red square", length: ids.count).lost == nil)
    }

    @Test func rowsAreCutAtTheRight() throws {
        let tokenizer = try Tokenizer(path: Self.path)
        let text = "a red square on a blue field<|im_end|> and more"
        let ids = tokenizer.tokens(text)
        for length in 1..<ids.count {
            let row = tokenizer.row(text, length: length)
            #expect(row.ids == Array(ids[..<length]) && row.count == length && row.fullCount == ids.count)
            let lost = try #require(row.lost)
            #expect(!lost.isEmpty && text.hasSuffix(lost), "\(lost)")
        }
        #expect(tokenizer.row(text, length: ids.count - 1).lost == tokenizer.spelling(of: ids.last!))
    }

    /// A character whose bytes are on both sides of the cut is lost.
    @Test func whatIsLostBeginsWithAWholeCharacter() throws {
        let tokenizer = try Tokenizer(path: Self.path)
        let text = "🐶椅子하집"
        let count = tokenizer.tokens(text).count
        #expect(count > text.count)
        for length in 1..<count {
            let lost = try #require(tokenizer.row(text, length: length).lost)
            #expect(text.hasSuffix(lost) && !lost.isEmpty, "\(length): \(lost)")
        }
    }

    @Test func spellingsAreReadable() throws {
        let tokenizer = try Tokenizer(path: Self.path)
        func spellings(_ text: String) -> [String] { tokenizer.tokens(text).map(tokenizer.spelling) }
        #expect(spellings("a red square on a blue field").joined() == "a red square on a blue field")
        #expect(spellings("a\n") == ["a", "\\n"])
        #expect(spellings("<|im_end|>") == ["<|im_end|>"])
        // Nothing is merged in this one.
        #expect(spellings("\u{10ffff}") == ["\\xF4", "\\x8F", "\\xBF", "\\xBF"])
        #expect(tokenizer.spelling(of: -1) == "" && tokenizer.spelling(of: 485) == "")
    }

    /// Bytes count, where strings of Swift that look alike are equal.
    @Test func differentSpellingsOfALetterAreComposed() throws {
        let tokenizer = try Tokenizer(path: Self.path)
        #expect(tokenizer.tokens("cafe\u{301}") == tokenizer.tokens("caf\u{e9}"))
        try withTemporaryDirectory { folder in
            let plain = "\(folder)/tokenizer.json"
            try ChangedTokenizer.write(to: plain) { $0["normalizer"] = nil as Any? }
            let tokenizer = try Tokenizer(path: plain)
            #expect(tokenizer.tokens("cafe\u{301}") != tokenizer.tokens("caf\u{e9}"))
        }
    }

    @Test func tokensOfComposedTextAreFoundThere() throws {
        try withTemporaryDirectory { folder in
            let path = "\(folder)/tokenizer.json"
            try ChangedTokenizer.write(to: path) { settings in
                var added = settings["added_tokens"] as! [[String: Any]]
                added.append(ChangedTokenizer.addedToken("caf\u{e9}", id: 500, isNormalized: true))
                added.append(ChangedTokenizer.addedToken("e\u{301}t\u{e9}", id: 501, isNormalized: false))
                settings["added_tokens"] = added
            }
            let tokenizer = try Tokenizer(path: path)
            #expect(tokenizer.idLimit == 502)
            #expect(tokenizer.tokens("cafe\u{301}") == [500] && tokenizer.tokens("caf\u{e9}") == [500])
            #expect(tokenizer.tokens("e\u{301}t\u{e9}") == [501])
            #expect(!tokenizer.tokens("\u{e9}t\u{e9}").contains(501))
        }
    }

    @Test func theLongestOfOverlappingAddedTokensCounts() throws {
        try withTemporaryDirectory { folder in
            let path = "\(folder)/tokenizer.json"
            try ChangedTokenizer.write(to: path) { settings in
                var added = settings["added_tokens"] as! [[String: Any]]
                added.append(ChangedTokenizer.addedToken("<|im", id: 500))
                added.append(ChangedTokenizer.addedToken("im_start|>more", id: 501))
                settings["added_tokens"] = added
            }
            let tokenizer = try Tokenizer(path: path)
            #expect(tokenizer.tokens("<|im_start|>more").first == 481)
            #expect(tokenizer.tokens("<|im").first == 500)
            #expect(tokenizer.tokens("im_start|>more") == [501])
        }
    }

    @Test func thePaddingTokenIsConfigured() throws {
        try withTemporaryDirectory { folder in
            try ChangedTokenizer.write(to: "\(folder)/tokenizer.json") { _ in }
            #expect(try Tokenizer(path: folder).padding == 480)
            for (text, id) in [
                (#"{"pad_token": "<|im_end|>"}"#, 482), (#"{"pad_token": {"content": "<think>"}}"#, 483),
                (#"{"pad_token": null}"#, 480),
            ] {
                try text.write(toFile: "\(folder)/tokenizer_config.json", atomically: true, encoding: .utf8)
                #expect(try Tokenizer(path: folder).padding == id)
            }
        }
    }

    /// A queue of merges, not a search for each: a megabyte without a space would take hours.
    @Test func longWordsTakeLittleTime() throws {
        #if DEBUG
            let count = 10_000
        #else
            let count = 300_000
        #endif
        let tokenizer = try Tokenizer(path: Self.path)
        let start = ContinuousClock.now
        let ids = tokenizer.tokens(String(repeating: "red", count: count))
        #expect(ids.map(tokenizer.spelling).joined().count == 3 * count)
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    @Test func threadsShareATokenizer() async throws {
        let tokenizer = try Tokenizer(path: Self.path)
        let prompts = try TextFixtures.prompts()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 {
                group.addTask { prompts.allSatisfy { tokenizer.tokens($0.prompt) == $0.ids } }
            }
            for await isSame in group { #expect(isSame) }
        }
    }
}
