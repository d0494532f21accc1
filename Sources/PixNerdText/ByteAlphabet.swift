/// The printable characters that stand for bytes in vocabularies and merges, as in GPT-2: a byte that prints in Latin-1
/// stands for itself, the others have U+0100 and on in their order.
enum ByteAlphabet {
    /// The character of each byte.
    static let characters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0..<256 as Range<UInt32>).map { byte in
            if isPrinting(byte) { return Unicode.Scalar(byte)! }
            defer { next += 1 }
            return Unicode.Scalar(next)!
        }
    }()

    /// The byte of each character, by its scalar value.
    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 0x200)
        for (byte, character) in characters.enumerated() { values[Int(character.value)] = UInt8(byte) }
        return values
    }()

    private static func isPrinting(_ byte: UInt32) -> Bool {
        (0x21...0x7e).contains(byte) || (0xa1...0xff).contains(byte) && byte != 0xad
    }

    /// Bytes as a vocabulary spells them.
    static func spelling(_ bytes: some Sequence<UInt8>) -> String {
        String(String.UnicodeScalarView(bytes.map { characters[Int($0)] }))
    }

    /// The bytes that a spelling stands for; nil if a character stands for none.
    static func bytes(_ spelling: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for scalar in spelling.unicodeScalars {
            guard scalar.value < values.count, let byte = values[Int(scalar.value)] else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
