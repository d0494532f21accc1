import PixNerdSupport

/// The fingerprint that a `.safetensors` file of this program carries in its `__metadata__`: the 128-bit XXH3 hash of the
/// whole file, with zeros in the place of the fingerprint's own digits.
enum SafetensorsFingerprint {
    /// The key in `__metadata__`.
    static let key = "xxh3"
    /// What stands in its place while the hash is computed.
    static let placeholder = String(repeating: "0", count: 32)

    /// The place of the digits in a header; nil if the header does not hold them in the way that this program writes it.
    ///
    /// The search finds no other place: within JSON strings quotation marks are preceded by backslashes.
    static func place(of digits: String, in header: UnsafeRawBufferPointer) -> Range<Int>? {
        let start = Array("\"\(key)\":\"".utf8)
        let pattern = start + Array("\(digits)\"".utf8)
        guard header.count >= pattern.count else { return nil }
        for position in 0...header.count - pattern.count where header[position] == pattern[0] {
            guard header[position..<position + pattern.count].elementsEqual(pattern) else { continue }
            return position + start.count..<position + pattern.count - 1
        }
        return nil
    }

    /// Adds a header, with zeros in the place of the digits.
    static func addHeader(_ header: UnsafeRawBufferPointer, _ digits: String, to fingerprint: inout Fingerprint) {
        guard let place = place(of: digits, in: header) else { return fingerprint.add(header) }
        fingerprint.add(UnsafeRawBufferPointer(rebasing: header[..<place.lowerBound]))
        Array(repeating: UInt8(ascii: "0"), count: place.count).withUnsafeBytes { fingerprint.add($0) }
        fingerprint.add(UnsafeRawBufferPointer(rebasing: header[place.upperBound...]))
    }
}
