import Foundation
import PixNerdTestSupport
import PixNerdText
import Testing

/// The cleaning of captions against the published program's, and by its rules one by one.
@Suite struct CaptionCleaningTests {
    private struct Caption: Decodable {
        let raw: String
        let clean: String
        let plain: String
    }

    @Test func captionsAreThoseOfThePublishedProgram() throws {
        let captions = try JSONDecoder().decode(
            [Caption].self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("t5/captions.json"))))
        #expect(captions.count == 25)
        for caption in captions {
            #expect(CaptionCleaning.published(caption.raw) == caption.clean, "\(caption.raw)")
            #expect(CaptionCleaning.plain(caption.raw) == caption.plain, "\(caption.raw)")
            #expect(CaptionCleaning.none(caption.raw) == caption.raw)
        }
    }

    @Test(arguments: [
        ("a dog at www.example.com/dogs today", "a dog at today"), ("mail me@example.com now", "mail me now"),
        ("<p class='a>b'>one</p><br/>two <!-- no -->three", "onetwo three"), ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("&#39;tis &#x41; &hearts; &unknown; at&t", "tis a ♥ unknown at t"), ("x<script>let a = 1</script>y", "xy"),
        ("“a” — b … c", "\"a\" - b … c"), ("\u{ff23}\u{ff21}\u{ff34} ﬁn", "cat fin"),
        ("cafe\u{301}", "caf\u{e9}"), ("10×15.5 print", "print"), ("free download now", "now"),
        ("now click on this, please", "now , please"), ("sku 1234567 and 12345", "sku and 12345"),
        ("words,like this", "words, like this"), ("a . b", "a b"), ("12:30 ", "12:30"), ("%E7%8C%AB%20cat", "cat"),
    ])
    func rules(raw: String, clean: String) {
        #expect(CaptionCleaning.published(raw) == clean)
    }

    @Test func longTextsEnd() {
        for part in ["a.", "<a ", "&amp", "a-b ", "1x2", ". ", "http", "((", "<!--", "\"'", "%41", "a1", "。猫"] {
            _ = CaptionCleaning.published(String(repeating: part, count: 300))
        }
    }
}
