import Foundation
import PixNerdSupport
import PixNerdTestSupport
import PixNerdText
import Testing

/// Files that are broken, or that ask for something that is not done here: one sentence each.
@Suite struct TokenizerRefusalTests {
    typealias Settings = [String: Any]

    /// A change to the small tokenizer, and what the sentence must name.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let named: [String]
        let apply: @Sendable (inout Settings) -> Void

        init(_ description: String, naming named: String..., by apply: @escaping @Sendable (inout Settings) -> Void) {
            (testDescription, self.named, self.apply) = (description, named, apply)
        }

        /// A change of the model.
        init(
            model description: String, naming named: String..., by apply: @escaping @Sendable (inout Settings) -> Void
        ) {
            (testDescription, self.named) = (description, named)
            self.apply = { ChangedTokenizer.model(&$0, apply) }
        }

        /// Another added token.
        init(added description: String, naming named: String..., entry: @escaping @Sendable () -> Settings) {
            (testDescription, self.named) = (description, named)
            self.apply = { $0["added_tokens"] = ($0["added_tokens"] as! [Settings]) + [entry()] }
        }

        /// Another part of the pre-tokenizer.
        init(
            splitting description: String, naming named: String..., part: Int,
            by apply: @escaping @Sendable (inout Settings) -> Void
        ) {
            (testDescription, self.named) = (description, named)
            self.apply = { settings in
                var splitting = settings["pre_tokenizer"] as! Settings
                var parts = splitting["pretokenizers"] as! [Settings]
                apply(&parts[part])
                splitting["pretokenizers"] = parts
                settings["pre_tokenizer"] = splitting
            }
        }
    }

    private static let unsupported: [Change] = [
        Change("version", naming: "version") { $0["version"] = "2.0" },
        Change("normalizer", naming: "NFKC") { $0["normalizer"] = ["type": "NFKC"] },
        Change("post-processor", naming: "TemplateProcessing") {
            $0["post_processor"] = ["type": "TemplateProcessing"]
        },
        Change("splitting by nothing", naming: "no pre-tokenizer") { $0["pre_tokenizer"] = nil },
        Change("splitting by spaces", naming: "Metaspace") { $0["pre_tokenizer"] = ["type": "Metaspace"] },
        Change(splitting: "pattern", naming: "pattern", part: 0) { $0["pattern"] = ["Regex": "\\s+"] },
        Change(splitting: "text", naming: "pattern", part: 0) { $0["pattern"] = ["String": " "] },
        Change(splitting: "behaviour", naming: "drops or joins", part: 0) { $0["behavior"] = "Removed" },
        Change(splitting: "inversion", naming: "drops or joins", part: 0) { $0["invert"] = true },
        Change(splitting: "space before", naming: "space", part: 1) { $0["add_prefix_space"] = true },
        Change(splitting: "GPT-2", naming: "GPT-2", part: 1) { $0["use_regex"] = nil },
        Change(model: "type", naming: "WordPiece") { $0["type"] = "WordPiece" },
        Change(model: "prefix", naming: "continuing_subword_prefix") { $0["continuing_subword_prefix"] = "##" },
        Change(model: "suffix", naming: "end_of_word_suffix") { $0["end_of_word_suffix"] = "</w>" },
        Change(model: "dropout", naming: "at random") { $0["dropout"] = 0.1 },
        Change(model: "whole words", naming: "ignores merges") { $0["ignore_merges"] = true },
        Change(model: "bytes", naming: "256") { model in
            var vocabulary = model["vocab"] as! [String: Int]
            vocabulary["\u{120}"] = nil
            model["vocab"] = vocabulary
        },
        Change(added: "spaces", naming: "lstrip", "<x>") {
            ChangedTokenizer.addedToken("<x>", id: 500, ["lstrip": true])
        },
        Change(added: "spaces behind", naming: "rstrip") {
            ChangedTokenizer.addedToken("<x>", id: 500, ["rstrip": true])
        },
        Change(added: "words", naming: "single_word") {
            ChangedTokenizer.addedToken("<x>", id: 500, ["single_word": true])
        },
    ]

    private static let broken: [Change] = [
        Change("no model", naming: "no model") { $0["model"] = nil },
        Change("model that is a list", naming: "no model") { $0["model"] = [1, 2] },
        Change("no padding token", naming: "'<|endoftext|>'", "pad_token") { $0["added_tokens"] = nil },
        Change("added tokens that are no list", naming: "added_tokens") { $0["added_tokens"] = 3 },
        Change(model: "no vocabulary", naming: "vocab") { $0["vocab"] = nil },
        Change(model: "no merges", naming: "merges") { $0["merges"] = nil },
        Change(model: "vocabulary that is a list", naming: "no table") { $0["vocab"] = [["a", -1.5]] },
        Change(model: "two tokens of an id", naming: "the id 5") { model in
            var vocabulary = model["vocab"] as! [String: Int]
            vocabulary["\u{120}"] = 5
            model["vocab"] = vocabulary
        },
        Change(model: "negative id", naming: "whole number") { model in
            var vocabulary = model["vocab"] as! [String: Any]
            vocabulary["new"] = -5
            model["vocab"] = vocabulary
        },
        Change(model: "huge id", naming: "5000000000", "4194304") { model in
            var vocabulary = model["vocab"] as! [String: Any]
            vocabulary["new"] = 5_000_000_000
            model["vocab"] = vocabulary
        },
        Change(model: "id that is text", naming: "value") { model in
            var vocabulary = model["vocab"] as! [String: Any]
            vocabulary["new"] = "7"
            model["vocab"] = vocabulary
        },
        Change(model: "merge of an unknown token", naming: "'unknown'", "'a'") { $0["merges"] = [["unknown", "a"]] },
        Change(model: "merge to an unknown token", naming: "'q'", "'z'") { $0["merges"] = [["q", "z"]] },
        Change(model: "merge of three", naming: "no pair") { $0["merges"] = [["q", "z", "a"]] },
        Change(model: "merge of one", naming: "no pair") { $0["merges"] = ["qz"] },
        Change(model: "merge with two spaces", naming: "no pair") { $0["merges"] = ["q z a"] },
        Change(model: "merges that are numbers", naming: "byte") { $0["merges"] = [1, 2] },
        Change(added: "id of another", naming: "the id 5") { ChangedTokenizer.addedToken("<x>", id: 5) },
        Change(added: "id twice", naming: "the id 480") { ChangedTokenizer.addedToken("<x>", id: 480) },
        Change(added: "text twice", naming: "'<think>'") { ChangedTokenizer.addedToken("<think>", id: 500) },
        Change(added: "no text", naming: "content") { ChangedTokenizer.addedToken("", id: 500) },
        Change(added: "huge id", naming: "'<x>'") { ChangedTokenizer.addedToken("<x>", id: .max) },
        Change(added: "no id", naming: "id") { ["content": "<x>"] },
    ]

    @Test(arguments: unsupported + broken)
    func isRefused(change: Change) throws {
        try withTemporaryDirectory { folder in
            let path = "\(folder)/tokenizer.json"
            try ChangedTokenizer.write(to: path) { change.apply(&$0) }
            expectSentence(sentence { _ = try Tokenizer(path: path) }, naming: [path] + change.named)
        }
    }

    /// JSON that no parser of the tests would write.
    @Test(arguments: [
        ("", "is empty"), ("[]", "'{'"), ("{", "at byte 1"), ("{}", "no model"), ("null", "'{'"), ("{\"model\"", "':'"),
        (#"{"a": tru}"#, "no value"), (#"{"a": 1 "b": 2}"#, "','"), (#"{"a": 1} x"#, "after its end"),
        (#"{"a": "\q"}"#, "escape"), (#"{"a": "\ud800"}"#, "surrogate"), (#"{"a": "\ud800\u0041"}"#, "surrogate"),
        (#"{"a": "\u12"}"#, "escape"), ("{\"a\": \"\u{1}\"}", "control character"), (#"{"a": "b"#, "within a string"),
        (#"{"a": "b\"#, "within a string"), (#"{"a": 1, "a": 2}"#, "twice"), (#"{"a": {"b": 1, "b": 2}}"#, "twice"),
        (#"{"model": {"vocab": {"a": 0}, "vocab": {}}}"#, "256"),
        (#"{"model": {"merges": [], "merges": []}}"#, "two lists"),
        (#"{"model": {"vocab": {"a": 0, "a": 1}}}"#, "twice"), (#"{"a": [1,]}"#, "no value"),
        ("{\"a\": " + String(repeating: "[", count: 100_000), "too deep"),
        (#"{"model": {"merges": [], "x": "# + String(repeating: "{\"a\":", count: 100_000), "too deep"),
    ])
    func brokenTextIsRefused(text: String, named: String) throws {
        try withTemporaryDirectory { folder in
            let path = "\(folder)/tokenizer.json"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            expectSentence(sentence { _ = try Tokenizer(path: folder) }, naming: [path, named])
        }
    }

    @Test func otherFilesAreRefused() throws {
        try withTemporaryDirectory { folder in
            expectSentence(sentence { _ = try Tokenizer(path: folder) }, naming: [folder, "has no tokenizer.json"])
            expectSentence(sentence { _ = try Tokenizer(path: "\(folder)/none") }, naming: ["\(folder)/none"])
            let path = "\(folder)/tokenizer.json"
            try Data([0x7b, 0x22, 0xff, 0x22]).write(to: URL(fileURLWithPath: path))
            expectSentence(sentence { _ = try Tokenizer(path: folder) }, naming: [path, "UTF-8"])
            // A gigabyte of nothing, which takes no space on disk.
            #expect(truncate(path, 1 << 30) == 0)
            expectSentence(sentence { _ = try Tokenizer(path: folder) }, naming: [path, "1073741824", "256 MB"])
        }
    }

    @Test(arguments: [
        (#"{"pad_token": "<none>"}"#, "'<none>'"), (#"{"pad_token": 5}"#, "pad_token"), ("{", "at byte 1"),
        (#"{"add_prefix_space": true}"#, "add_prefix_space"), (#"{"add_bos_token": true}"#, "add_bos_token"),
        (#"{"add_eos_token": true}"#, "add_eos_token"), ("", "is empty"),
    ])
    func configurationsAreRefused(text: String, named: String) throws {
        try withTemporaryDirectory { folder in
            try ChangedTokenizer.write(to: "\(folder)/tokenizer.json") { _ in }
            try text.write(toFile: "\(folder)/tokenizer_config.json", atomically: true, encoding: .utf8)
            expectSentence(
                sentence { _ = try Tokenizer(path: folder) }, naming: ["\(folder)/tokenizer", named])
        }
    }

    /// Whatever is changed in a file, it is read or refused by one sentence.
    @Test func damagedFilesEndInASentence() throws {
        let original = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: "\(TextFixtures.tokenizer)/tokenizer.json")))
        try withTemporaryDirectory { folder in
            let path = "\(folder)/tokenizer.json"
            var mutator = Mutator(seed: 1)
            var read = 0
            for _ in 0..<fuzzCount {
                try Data(mutator.changed(original)).write(to: URL(fileURLWithPath: path))
                do {
                    let tokenizer = try Tokenizer(path: path)
                    #expect(tokenizer.tokens("a red square<|endoftext|>").allSatisfy { $0 < tokenizer.idLimit })
                    read += 1
                } catch {
                    expectSentence("\(error)", naming: [path])
                }
            }
            #expect(read < fuzzCount)
        }
    }

    @Test func theOrderOfKeysDoesNotMatter() throws {
        // Sorted keys put merges before the vocabulary, and both before the model's type.
        try withTemporaryDirectory { folder in
            let path = "\(folder)/tokenizer.json"
            try ChangedTokenizer.write(to: path) { _ in }
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let (merges, vocabulary) = (
                try #require(text.range(of: "\"merges\"")), try #require(text.range(of: "\"vocab\""))
            )
            #expect(merges.lowerBound < vocabulary.lowerBound)
            let tokenizer = try Tokenizer(path: path)
            for prompt in try TextFixtures.prompts() { #expect(tokenizer.tokens(prompt.prompt) == prompt.ids) }
        }
    }

    @Test func oldFilesTellTheirVersionAmongTheMerges() throws {
        try withTemporaryDirectory { folder in
            let path = "\(folder)/tokenizer.json"
            try ChangedTokenizer.write(to: path) { settings in
                ChangedTokenizer.model(&settings) { model in
                    let merges = model["merges"] as! [[String]]
                    model["merges"] = ["#version: 0.2"] + merges.map { $0.joined(separator: " ") }
                }
            }
            let tokenizer = try Tokenizer(path: path)
            for prompt in try TextFixtures.prompts() { #expect(tokenizer.tokens(prompt.prompt) == prompt.ids) }
        }
    }
}
