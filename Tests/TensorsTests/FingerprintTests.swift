import PixNerdSupport
import PixNerdTensors
import Testing

@Suite struct FingerprintTests {
    private func text(_ parts: [UInt8]...) -> String {
        var fingerprint = Fingerprint()
        for part in parts { part.withUnsafeBytes { fingerprint.add($0) } }
        return fingerprint.text
    }

    /// As `xxhsum -H2` prints them.
    @Test func digitsAreThoseOfTheTool() {
        #expect(text([]) == "99aa06d3014798d86001c324468d497f")
        #expect(text(Array("pixnerd\n".utf8)) == "7b1cc2501404dbf089a1b9d0f2419b3a")
    }

    @Test func partsDoNotCountForBytesButForTexts() {
        #expect(text([1, 2, 3]) == text([1], [2, 3]))
        var one = Fingerprint()
        var other = Fingerprint()
        one.add("ab")
        one.add("c")
        other.add("a")
        other.add("bc")
        #expect(one.text != other.text)
    }

    @Test func theShapeOfATensorCounts() {
        var one = Fingerprint()
        var other = Fingerprint()
        one.add(Tensor([1, 2, 3, 4], shape: [2, 2]))
        other.add(Tensor([1, 2, 3, 4], shape: [4]))
        #expect(one.text != other.text)
    }
}
