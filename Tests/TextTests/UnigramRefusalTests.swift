import Foundation
import PixNerdTestSupport
import PixNerdText
import Testing

/// Broken files of Unigram tokenizers, and those that ask for what is not done, are refused in a sentence; none ends the
/// program.
@Suite struct UnigramRefusalTests {
    private typealias Bytes = [UInt8]

    /// The sentence about a file with these bytes.
    private func refusal(_ name: String, _ bytes: Bytes) throws -> String {
        try withTemporaryDirectory { folder in
            try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
            return sentence { _ = try Tokenizer(path: folder) }
        }
    }

    private func piece(_ text: String, _ score: Float = -1, kind: UInt8 = 1) -> Bytes {
        let number = withUnsafeBytes(of: score.bitPattern.littleEndian) { Bytes($0) }
        return T5Fixtures.field(1, T5Fixtures.field(1, Bytes(text.utf8)) + [0x15] + number + [0x18, kind])
    }

    private var special: Bytes { piece("<pad>", 0, kind: 3) + piece("</s>", 0, kind: 3) + piece("<unk>", 0, kind: 2) }

    private func map(_ bytes: Bytes) -> Bytes { T5Fixtures.field(3, T5Fixtures.field(2, bytes)) }

    /// A map of characters with these units and replacements.
    private func map(_ units: [UInt32], _ strings: Bytes, size: UInt32? = nil) -> Bytes {
        let numbers = [size ?? UInt32(4 * units.count)] + units
        return map(numbers.flatMap { number in withUnsafeBytes(of: number.littleEndian) { Bytes($0) } } + strings)
    }

    @Test func aSmallFileIsRead() throws {
        try withTemporaryDirectory { folder in
            let bytes = special + piece("\u{2581}") + piece("a") + piece("\u{2581}a", -1.5)
            try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/spiece.model"))
            let tokenizer = try Tokenizer(path: folder)
            #expect(tokenizer.tokens("a aa b\u{301}c a") == [5, 5, 4, 3, 2, 5, 1])
        }
    }

    @Test func brokenSentencePieceFiles() throws {
        let good = special + piece("a")
        let huge = T5Fixtures.varint(UInt64.max)
        let cases: [(Bytes, [String])] = [
            ([], []), (Bytes("version https".utf8), ["spiece.model"]), (Bytes(good.dropLast(3)), ["ends within"]),
            ([0x0a] + huge, ["ends within a field of 18446744073709551615 bytes"]),
            ([0x0a] + Bytes(repeating: 0xff, count: 11), ["more than 64 bits"]), ([0x0b], ["unknown type"]),
            ([0x0a], ["ends within a number"]), (piece("<pad>", 0, kind: 3) + piece("</s>", 0, kind: 3) + piece("a"), ["<unk>"]),
            (special, ["no pieces that a text can become"]), (good + piece("a"), ["'a' twice"]),
            (good + piece("b", .nan), ["score nan"]), (good + piece("b", .infinity), ["score inf"]),
            (good + piece(""), ["piece of 0 bytes"]), (good + piece(String(repeating: "a", count: 2000)), ["2000"]),
            (good + T5Fixtures.field(1, T5Fixtures.field(1, [0xff, 0xfe])), ["UTF-8"]),
            (good + piece("b", kind: 2), ["two pieces"]), (good + piece("b", kind: 4), ["user defined"]),
            (good + piece("<0x41>", kind: 6), ["single bytes"]), (good + piece("b", kind: 9), ["unknown type 9"]),
            (piece("<unk>", 0, kind: 2) + piece("a"), ["</s>"].map { _ in "<pad>" }),
            (good + T5Fixtures.field(2, [0x18, 2]), ["BPE"]),
            (good + T5Fixtures.field(3, [0x18, 0]), ["no space before"]), (good + map([1, 2]), ["2 bytes"]),
            (good + map([0, 0], [0], size: 4000), ["4000"]), (good + map([0, 0], [0], size: 7), ["7"]),
            (good + map([0x3fff_fc00], [0]), ["leads out"]),
            (good + map([0, 0x8000_0005], [1, 0]), ["has no end"]), (good + map([0, 0x8000_0000], [1, 1]), ["has no end"]),
        ]
        for (bytes, named) in cases {
            expectSentence(try refusal("spiece.model", bytes), naming: ["spiece.model"] + named)
        }
    }

    @Test func aTrieInACircleEnds() throws {
        try withTemporaryDirectory { folder in
            // Every byte leads back to the root.
            let units = (0..<256).map { UInt32($0) }
            try Data(special + piece("a") + map(units, [0])).write(to: URL(fileURLWithPath: "\(folder)/spiece.model"))
            #expect(try Tokenizer(path: folder).tokens(String(repeating: "a", count: 5000)).last == 1)
        }
    }

    @Test func brokenTokenizerFiles() throws {
        let text = String(decoding: try T5Fixtures.tokenizer(.flan, "tokenizer.json", characters: []), as: UTF8.self)
        let cases: [(String, String, [String])] = [
            ("\"unk_id\":2", "\"unk_id\":null", ["unk_id"]), ("\"unk_id\":2", "\"unk_id\":9999", ["unk_id"]),
            ("\"unk_id\":2", "\"unk_id\":-1", ["unk_id"]), ("[\"m\",", "[\"m\",\"m\",", ["has no value"]),
            ("[\"m\",-", "[\"m\",-1e999],[\"n\",-", ["score -inf"]), ("[\"m\",", "[", ["byte"]),
            ("\"Precompiled\"", "\"Lowercase\"", ["Lowercase"]),
            ("\"precompiled_charsmap\":\"\"", "\"precompiled_charsmap\":\"?\"", ["base64"]),
            ("\"precompiled_charsmap\":\"\"", "\"precompiled_charsmap\":\"AAAA\"", ["3 bytes"]),
            ("WhitespaceSplit", "Punctuation", ["pre-tokenizer"]),
            ("\"prepend_scheme\":\"always\"", "\"prepend_scheme\":\"never\"", ["no space before"]),
            ("\"replacement\":\"\u{2581}\"", "\"replacement\":\"_\"", ["U+2581"]),
            ("TemplateProcessing", "RobertaProcessing", ["</s>"]), ("\"Unigram\"", "\"BPE\"", ["is no table"]),
            ("\"Unigram\"", "\"WordPiece\"", ["WordPiece"]), ("\"version\":\"1.0\"", "\"version\":\"2.0\"", ["1.0"]),
            ("\"id\":120,", "\"id\":5,", ["two tokens"]), ("\"id\":120,", "\"id\":99999999,", ["99999999"]),
            ("[\"</s>\",", "[\"<end>\",", ["two tokens"]),
        ]
        for (old, new, named) in cases {
            #expect(text.contains(old), "\(old)")
            let changed = text.replacingOccurrences(of: old, with: new)
            expectSentence(try refusal("tokenizer.json", Bytes(changed.utf8)), naming: ["tokenizer.json"] + named)
        }
    }

    /// Changed files are read or refused, and what is read gives ids of its own.
    @Test(arguments: T5Fixtures.names) func damagedFiles(name: String) throws {
        var mutator = Mutator(seed: 11)
        // A part of the map, so that a change is likely to be in something else.
        let good = try T5Fixtures.tokenizer(.flan, name, characters: [])
        try withTemporaryDirectory { folder in
            for _ in 0..<fuzzCount / 4 {
                try Data(mutator.changed(good)).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
                do {
                    let tokenizer = try Tokenizer(path: folder)
                    let ids = tokenizer.tokens("Two cats \u{ff21} 猫 </s>")
                    #expect(ids.allSatisfy { 0..<tokenizer.idLimit ~= $0 })
                } catch {
                    expectSentence("\(error)", naming: [name])
                }
            }
        }
    }

    /// Maps of characters with changes inside are read or refused.
    @Test func damagedMaps() throws {
        var mutator = Mutator(seed: 12)
        let good = try T5Fixtures.characters()
        try withTemporaryDirectory { folder in
            for _ in 0..<12 {
                var bytes = good
                // Changes that keep the length: anything may stand in the units.
                for _ in 0..<2000 { bytes[mutator.next(bytes.count)] = UInt8(mutator.next(256)) }
                let file = try T5Fixtures.tokenizer(.plain, "spiece.model", characters: bytes)
                try Data(file).write(to: URL(fileURLWithPath: "\(folder)/spiece.model"))
                do {
                    let tokenizer = try Tokenizer(path: folder)
                    let ids = tokenizer.tokens("Ｆｕｌｌ ﷺ ﬁne ½ 猫 e\u{301} \u{1d400}")
                    #expect(ids.last == 1)
                } catch {
                    expectSentence("\(error)", naming: ["map of characters"])
                }
            }
        }
    }
}
