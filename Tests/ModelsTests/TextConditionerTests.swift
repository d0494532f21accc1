import Foundation
import PixNerdDiffusion
import PixNerdTensors
import PixNerdTestSupport
import Synchronization
import Testing

@testable import PixNerdModels

/// Texts as the condition of a denoiser.
@Suite struct TextConditionerTests {
    /// An encoder of width 2 whose rows tell the text and the convention, and that counts what it was asked for.
    private final class Counted: TextEncoding {
        let identity = TextEncoderIdentity(path: "counted", weights: "w", tokenizer: "t", width: 2)
        let asked = Mutex<[[String]]>([])

        func cutOff(_ text: String, length: Int) -> String? {
            text.count > length ? String(text.dropFirst(length)) : nil
        }

        static func values(_ text: String, _ length: Int, _ emptyPrompt: EmptyPrompt) -> [Float] {
            let value = text.isEmpty ? (emptyPrompt == .seesNothing ? -1 : -2) : text.utf8.reduce(0) { $0 + Float($1) }
            return [Float](repeating: value, count: 2 * length)
        }

        func rows(
            of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
        ) throws -> [Tensor] {
            if isCancelled() { throw CancellationError() }
            asked.withLock { $0.append(texts) }
            return texts.map { Tensor(Self.values($0, length, emptyPrompt), shape: [length, 2]) }
        }
    }

    private func conditioner(_ encoder: Counted?, _ emptyPrompt: EmptyPrompt = .seesNothing, negative: String = "")
        throws -> TextConditioner
    {
        try TextConditioner(
            width: 2, length: 5, TextEncoderUse(encoder, emptyPrompt: emptyPrompt, negativePrompt: negative),
            origin: "model.ckpt")
    }

    private func values(_ condition: any Condition) throws -> (texts: [Float], nothing: Float) {
        let condition = try #require(condition as? TextCondition)
        return (condition.texts.map { $0.tensor.values[0] }, condition.nothing[0].tensor.values[0])
    }

    @Test func textsBecomeRows() throws {
        let encoder = Counted()
        let conditioner = try conditioner(encoder)
        let condition = try conditioner.condition(["b", "a", "b"].map(Prompt.text)) { $0 == 1 }
        #expect(try values(condition) == ([98, -1, 98], -1))
        // Images of one text share its rows, so that a denoiser computes what depends on it once.
        let texts = try #require(condition as? TextCondition).texts
        #expect(texts[0] === texts[2] && texts[0].tensor.shape == [5, 2])
        #expect(encoder.asked.withLock { $0 } == [[""], ["b"]])
        #expect(try values(condition.unconditional) == ([-1, -1, -1], -1))
    }

    @Test func theConventionAndANegativePromptDecideWhatNothingIs() throws {
        #expect(try values(conditioner(Counted(), .seesPadding).condition([.text("a")])) == ([97], -2))
        let negative = try conditioner(Counted(), negative: "c").condition([.text("a"), .text("a")]) { $0 == 0 }
        #expect(try values(negative) == ([99, 97], 99))
        // An empty text of the user's is still the empty prompt.
        #expect(try values(conditioner(Counted(), negative: "c").condition([.text("")])) == ([-1], 99))
    }

    @Test func preparedTextsAreEncodedOnceAndGivenBack() throws {
        let encoder = Counted()
        let conditioner = try conditioner(encoder)
        func count() -> Int { encoder.asked.withLock { $0.count } }
        try conditioner.prepare(["a", "b", "a"].map(Prompt.text)) { false }
        #expect(encoder.asked.withLock { $0 } == [[""], ["a"], ["b"]])
        _ = try conditioner.condition([.text("a"), .text("b")])
        #expect(count() == 3)
        try conditioner.prepare([.text("b"), .text("c")]) { false }
        #expect(encoder.asked.withLock { $0.last } == ["c"])
        // What was not asked for again is not kept.
        _ = try conditioner.condition([.text("a")])
        #expect(encoder.asked.withLock { $0.last } == ["a"] && count() == 5)
        #expect(throws: CancellationError.self) { try conditioner.prepare([.text("d")]) { true } }
        // The two spellings of an accented letter are two texts.
        try conditioner.prepare([.text("\u{E9}"), .text("e\u{301}")]) { false }
        #expect(encoder.asked.withLock { Set($0.suffix(2).map { Array($0[0].utf8) }).count } == 2)
    }

    @Test func whatIsCutOffIsSaid() throws {
        let remarks = try conditioner(Counted(), negative: "unwanted").remarks(
            ["short", "longer text", "longer text"].map(Prompt.text))
        #expect(
            remarks == [
                "the prompt 'longer text' has more than 5 tokens; this end of it is not used: 'r text'",
                "the prompt 'unwanted' has more than 5 tokens; this end of it is not used: 'ted'",
            ])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let conditioner = try conditioner(nil)
        #expect(conditioner.remarks([.text("a long text")]) == [])
        expectSentence(sentence { _ = try conditioner.prompt(from: "a") }, naming: ["model.ckpt", "text"])
        expectSentence(sentence { _ = try conditioner.condition([.text("a")]) }, naming: ["model.ckpt", "encoder"])
        expectSentence(
            sentence { _ = try self.conditioner(Counted()).condition([.label(3)]) }, naming: ["model.ckpt", "class 3"])
        expectSentence(
            sentence { _ = try TextConditioner(width: 3, length: 5, TextEncoderUse(Counted()), origin: "model.ckpt") },
            naming: ["counted gives rows of width 2", "model.ckpt takes rows of width 3"])
    }

    // MARK: Names of files

    @Test func namesAreReadable() {
        #expect(PromptFileName.text("a red square on a blue field") == "a-red-square-on-a-blue-field")
        #expect(PromptFileName.text("ein grünes Haus") == "ein-grünes-Haus")
        #expect(PromptFileName.text("A cat, sitting!").hasPrefix("A-cat-sitting-"))
        #expect(PromptFileName.text("").hasPrefix("prompt-"))
    }

    @Test func differentTextsHaveDifferentNames() {
        let long = String(repeating: "word ", count: 60)
        let texts = [
            "", " ", "-", "--", "...", "a", "a ", " a", "a  b", "a b", "a-b", "a/b", "a\\b", "a\nb", "a.b", "a_b",
            "A b",
            "caf\u{E9}", "cafe\u{301}", "../../etc/passwd", "\0", "a\0b", long, long + "x", long + "y", "🐶", "🐱", ".",
            "..", "prompt", "~", "$HOME", "a:b", "a*b", "一只黑猫", "春の海", "مرحبا",
        ]
        let names = texts.map(PromptFileName.text)
        #expect(Set(names.map { Array($0.utf8) }).count == texts.count, "\(names)")
        for name in names {
            #expect(!name.isEmpty && !name.hasPrefix(".") && !name.hasPrefix("-"), "\(name)")
            #expect(!name.contains { "/\\\0\n:*$~ ".contains($0) }, "\(name)")
        }
    }

    /// A name, the seed and the ending of a partial file fit into the 255 bytes of a file system.
    @Test(arguments: ["w", "漢", "𠀀", "ि", "กี", "क्षि", "e\u{345}\u{345}\u{345}\u{345}", "Ω "])
    func namesAreShortEnough(part: String) {
        for count in [1, 7, 59, 60, 61, 300] {
            let name = PromptFileName.text(String(repeating: part, count: count))
            #expect(name.utf8.count <= 190, "\(name.utf8.count) bytes for \(count) times \(part)")
            #expect(!name.isEmpty)
        }
    }
}
