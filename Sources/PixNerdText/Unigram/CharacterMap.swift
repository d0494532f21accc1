import PixNerdSupport

/// Replacements of characters before a text is split, as SentencePiece stores them: compatibility characters become plain
/// ones, and blanks of all kinds become spaces.
///
/// The bytes are the size of a trie, its units of 32 bits, and the replacements, each with a zero behind it. The trie is a
/// double array (Aoe, 1989) over the bytes of UTF-8: a unit holds the byte that leads to it, and how far its children are.
struct CharacterMap: Sendable {
    private let units: [UInt32]
    private let strings: [UInt8]

    /// Bytes of a text that is replaced, and of what replaces it, above which they are not looked at. Published ones
    /// have at most 33.
    private static let longest = 1024

    /// A map that changes nothing.
    init() { self.init(units: [], strings: []) }

    /// - Parameters:
    ///   - blob: the stored bytes; none for a map that changes nothing.
    ///   - path: the file, for errors.
    /// - Throws: `PixNerdError` if the trie leads out of its memory, or a replacement has no end.
    init(_ blob: UnsafeRawBufferPointer, path: String) throws {
        guard !blob.isEmpty else {
            self.init()
            return
        }
        func refuse(_ found: ErrorText) -> PixNerdError {
            PixNerdError(
                .malformed, "\(path)", found: "has a map of characters \(found)",
                expected: "one as SentencePiece compiles it")
        }
        guard blob.count >= 4 else { throw refuse("of \(blob.count) bytes") }
        func unit(_ place: Int) -> UInt32 {
            UInt32(littleEndian: blob.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self))
        }
        let size = Int(unit(0))
        guard size % 4 == 0, size > 0, size <= blob.count - 4 else {
            throw refuse("whose trie has \(size) of its \(blob.count) bytes")
        }
        let units = (1...size / 4).map(unit)
        let strings = Array(blob[(4 + size)...])
        for (place, unit) in units.enumerated() {
            guard unit.isValue else {
                guard place ^ unit.offset < units.count else { throw refuse("whose trie leads out of it") }
                continue
            }
            let start = unit.value
            guard start < strings.count, strings[start...].prefix(Self.longest + 1).contains(0) else {
                throw refuse("with a replacement that has no end")
            }
        }
        self.init(units: units, strings: strings)
    }

    private init(units: [UInt32], strings: [UInt8]) { (self.units, self.strings) = (units, strings) }

    func add(to hash: inout Fingerprint) {
        units.withUnsafeBytes { hash.add($0) }
        strings.withUnsafeBytes { hash.add($0) }
    }

    /// A text with its characters replaced, the longest ones first, as UTF-8.
    func replaced(_ text: String) -> [UInt8] {
        let text = Array(text.utf8)
        guard !units.isEmpty else { return text }
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if let (count, replacement) = match(text, at: place) {
                out += strings[replacement...].prefix { $0 != 0 }
                place += count
            } else {
                let end = min(text.count, place + UTF8Width.ofCharacter(text[place]))
                out += text[place..<end]
                place = end
            }
        }
        return out
    }

    /// The longest text at a place that is replaced: its number of bytes, and where its replacement begins.
    private func match(_ text: [UInt8], at start: Int) -> (count: Int, replacement: Int)? {
        var found: (Int, Int)?
        var node = units[0].offset
        for place in start..<min(text.count, start + Self.longest) {
            node ^= Int(text[place])
            guard units.indices.contains(node), units[node].leads(by: text[place]) else { break }
            let unit = units[node]
            node ^= unit.offset
            if unit.hasValue, units.indices.contains(node), units[node].isValue {
                found = (place + 1 - start, units[node].value)
            }
        }
        return found
    }
}

/// A unit of the double array.
extension UInt32 {
    /// Whether it is the end of a text, and holds where the replacement begins.
    fileprivate var isValue: Bool { self >> 31 == 1 }
    fileprivate var value: Int { Int(self & 0x7fff_ffff) }
    /// Whether the text so far is replaced; the value is the child of the byte 0.
    fileprivate var hasValue: Bool { self >> 8 & 1 == 1 }
    /// The exclusive or of its own place and that of its children.
    fileprivate var offset: Int { Int(self >> 10) << Int((self & 512) >> 6) }
    fileprivate func leads(by byte: UInt8) -> Bool { self & 0x8000_00ff == UInt32(byte) }
}

enum UTF8Width {
    /// The number of bytes of a character of UTF-8 by its first one; 1 for a byte that is none.
    static func ofCharacter(_ first: UInt8) -> Int {
        switch first {
        case 0xc0..<0xe0: 2
        case 0xe0..<0xf0: 3
        case 0xf0...: 4
        default: 1
        }
    }
}
