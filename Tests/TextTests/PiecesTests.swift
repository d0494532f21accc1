import PixNerdTestSupport
import Testing

@testable import PixNerdText

/// How text is split and composed, against the tokenizers library.
@Suite struct PiecesTests {
    private func pieces(_ text: String) -> [String] { Pieces(text).map { String(decoding: $0, as: UTF8.self) } }

    @Test func randomTextsAreSplitAsTheLibraryDoes() throws {
        let cases: [TextFixtures.Split] = try TextFixtures.read("pieces.json")
        #expect(cases.count == 400)
        for expected in cases {
            let spelled = Pieces(Composition.composed(expected.text)).map { ByteAlphabet.spelling($0) }
            #expect(spelled == expected.pieces, "\(expected.text.unicodeScalars.map(\.value))")
        }
    }

    @Test(
        arguments: [
            ("", []), ("don't", ["don", "'t"]), ("WE'LL'RE", ["WE", "'LL", "'RE"]),
            ("x'\u{17f}y", ["x", "'\u{17f}", "y"]),
            ("'\u{17f}'", ["'\u{17f}", "'"]), ("'", ["'"]), ("'l", ["'l"]), ("'r e", ["'r", " e"]),
            ("12a", ["1", "2", "a"]), ("  a", [" ", " a"]), ("a  ", ["a", "  "]), ("a \n b", ["a", " \n", " b"]),
            ("\r\n\r\na", ["\r\n\r\n", "a"]), (" !?\n\nx", [" !?\n\n", "x"]), ("\ta", ["\ta"]),
            ("\t 1", ["\t", " ", "1"]),
            ("e\u{301}x", ["e", "\u{301}x"]), ("\u{a0}\u{3000}!", ["\u{a0}", "\u{3000}", "!"]),
        ] as [(String, [String])])
    func rules(text: String, expected: [String]) {
        #expect(pieces(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }

    /// The counts of Unicode 16, whatever newer tables Swift has.
    @Test func kindsAreThoseOfTheLibrary() {
        var counts: [ScalarKind: Int] = [:]
        for value in UInt32(0)...0x10ffff {
            if let scalar = Unicode.Scalar(value) { counts[ScalarKind(scalar), default: 0] += 1 }
        }
        #expect(counts[.letter] == 141_028 && counts[.number] == 1911)
        #expect((counts[.space] ?? 0) + (counts[.newline] ?? 0) == 25 && counts[.newline] == 2)
    }

    @Test func bytesHaveDifferentCharacters() {
        #expect(Set(ByteAlphabet.characters).count == 256)
        #expect(ByteAlphabet.spelling([0x20, 0x61, 0x0a, 0xad, 0xff]) == "\u{120}a\u{10a}\u{143}\u{ff}")
        for byte in 0...UInt8.max { #expect(ByteAlphabet.bytes(ByteAlphabet.spelling([byte])) == [byte]) }
        #expect(ByteAlphabet.bytes(" ") == nil && ByteAlphabet.bytes("\u{4e00}") == nil)
    }

    @Test(arguments: [
        ("e\u{301}", "\u{e9}"), ("\u{212b}", "\u{c5}"), ("a\u{302}\u{301}", "\u{1ea5}"),
        ("\u{1100}\u{1161}\u{11a8}", "\u{ac01}"),
        // What Foundation gets wrong.
        ("\u{1100}\u{1176}", "\u{1100}\u{1176}"), ("\u{d360}\u{11c1}", "\u{d37a}"),
        ("\u{10443}\u{308}", "\u{10443}\u{308}"), ("\u{f39}\u{f81}", "\u{f71}\u{f80}\u{f39}"),
        // Marks in their order, one that keeps others apart, and one that is too new to be known.
        ("a\u{301}\u{323}", "\u{1ea1}\u{301}"), ("a\u{315}\u{300}", "\u{e0}\u{315}"),
        ("\u{915}\u{93c}", "\u{915}\u{93c}"),
        ("\u{1100}\u{ac00}", "\u{1100}\u{ac00}"), ("a\u{1ac6}\u{323}", "a\u{1ac6}\u{323}"), ("\u{301}", "\u{301}"),
        ("\u{ac00}\u{11a7}", "\u{ac00}\u{11a7}"), ("e\u{301}\u{301}", "\u{e9}\u{301}"), ("", ""),
    ])
    func composition(text: String, expected: String) {
        let composed = Composition.composed(text)
        #expect(Array(composed.utf8) == Array(expected.utf8), "\(composed.unicodeScalars.map(\.value))")
        #expect(Array(Composition.composed(composed).utf8) == Array(expected.utf8))
    }

    /// Counts of Unicode 9, and no decomposition outside of the ranges that are looked through.
    @Test func tablesAreComplete() {
        let ranges = CompositionTables.ranges
        for value in UInt32(0xc0)...0x10ffff where !(0xac00...0xd7a3).contains(value) {
            guard let scalar = Unicode.Scalar(value), !ranges.contains(where: { $0.contains(value) }) else { continue }
            #expect(CompositionTables.parts(of: scalar) == nil, "\(value)")
        }
        #expect(CompositionTables.shared.parts.count == 2060 && CompositionTables.shared.wholes.count == 940)
    }
}
