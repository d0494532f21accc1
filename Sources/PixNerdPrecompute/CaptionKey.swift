import PixNerdSupport

/// A hash by which a caption is found among encoded ones: 128 bits, as two integers of a file.
struct CaptionKey: Hashable {
    let first: Int
    let second: Int

    init(first: Int, second: Int) { (self.first, self.second) = (first, second) }

    init(_ caption: String) {
        var hash = Fingerprint()
        hash.add(caption)
        let digits = hash.text
        func number(_ part: Substring) -> Int { Int(bitPattern: UInt(part, radix: 16) ?? 0) }
        self.init(first: number(digits.prefix(16)), second: number(digits.suffix(16)))
    }
}
