import Foundation
import PixNerdTestSupport
import PixNerdText
import Testing

/// Unigram tokens against SentencePiece and transformers, from both of their files.
@Suite struct UnigramTests {
    private func withTokenizer<R>(
        _ encoder: T5Fixtures.Encoder, _ name: String, _ body: (Tokenizer) throws -> R
    ) throws -> R {
        try withTemporaryDirectory { folder in
            try T5Fixtures.writeTokenizer(encoder, name, to: folder)
            return try body(Tokenizer(path: folder))
        }
    }

    @Test(arguments: T5Fixtures.Encoder.allCases, T5Fixtures.names)
    func tokensAreThoseOfSentencePiece(encoder: T5Fixtures.Encoder, name: String) throws {
        try withTokenizer(encoder, name) { tokenizer in
            #expect((tokenizer.end, tokenizer.padding) == (1, 0))
            let prompts = try T5Fixtures.prompts(encoder)
            #expect(prompts.count > 10)
            for prompt in prompts {
                #expect(tokenizer.tokens(prompt.text) == prompt.pieces + [1], "\(prompt.text)")
                let row = tokenizer.row(prompt.text, length: prompt.padded.count)
                #expect(row.ids == prompt.padded, "\(prompt.text)")
                #expect(row.fullCount == prompt.pieces.count + 1)
                #expect(row.count == min(row.fullCount, prompt.padded.count))
                #expect((row.lost == nil) == (row.fullCount == row.count))
            }
        }
    }

    @Test(arguments: T5Fixtures.Encoder.allCases) func bothFilesAreTheSameTokenizer(encoder: T5Fixtures.Encoder) throws
    {
        let fingerprints = try T5Fixtures.names.map { try withTokenizer(encoder, $0, \.fingerprint) }
        #expect(fingerprints[0] == fingerprints[1] && fingerprints[0].count == 32)
    }

    @Test func tokenizersDiffer() throws {
        let fingerprints = try T5Fixtures.Encoder.allCases.map { try withTokenizer($0, "spiece.model", \.fingerprint) }
        #expect(fingerprints[0] != fingerprints[1])
    }

    @Test func whatIsCutOffIsText() throws {
        try withTokenizer(.plain, "spiece.model") { tokenizer in
            let text = "a cat 猫犬 and a  dog"
            let ids = tokenizer.tokens(text)
            for length in 1..<ids.count {
                let row = tokenizer.row(text, length: length)
                #expect(row.ids == ids[..<(length - 1)] + [1])
                let lost = try #require(row.lost)
                #expect(" a cat 猫犬 and a dog".hasSuffix(lost) && !lost.isEmpty)
            }
            #expect(tokenizer.row(text, length: 1).lost == " a cat 猫犬 and a dog")
            #expect(tokenizer.row("", length: 3).ids == [1, 0, 0])
        }
    }

    @Test func spellings() throws {
        try withTokenizer(.flan, "tokenizer.json") { tokenizer in
            #expect(tokenizer.spelling(of: 1) == "</s>")
            let words = tokenizer.tokens("red boat").dropLast().map { tokenizer.spelling(of: $0) }
            #expect(words.joined() == " red boat")
            #expect(tokenizer.spelling(of: 100_000).isEmpty && tokenizer.idLimit == 124)
        }
    }

    @Test func whereTheFilesAre() throws {
        try withTemporaryDirectory { pipeline in
            try T5Fixtures.writeTokenizer(.plain, "spiece.model", to: "\(pipeline)/tokenizer")
            try T5Fixtures.writeTokenizer(.flan, "tokenizer.json", to: "\(pipeline)/tokenizer_2")
            for name in ["text_encoder", "text_encoder_2"] {
                try FileManager.default.createDirectory(
                    atPath: "\(pipeline)/\(name)", withIntermediateDirectories: true)
            }
            let own = try ["", "/text_encoder", "/text_encoder/", "/tokenizer", "/tokenizer/spiece.model"].map {
                try Tokenizer(path: pipeline + $0).idLimit
            }
            #expect(own == [220, 220, 220, 220, 220])
            #expect(try Tokenizer(path: "\(pipeline)/text_encoder_2").idLimit == 124)
        }
    }
}
