/// Text as it is split into pieces, within which tokens are merged.
///
/// The rules are those of the pattern of Qwen2 and Qwen3, `Pieces.pattern`, written out over Unicode scalars: a regular
/// expression of Swift works on characters and finds other pieces, such as CR LF as one.
struct Pieces: Sequence {
    /// The pattern as `tokenizer.json` has it.
    static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"#
        + #"|\s+(?!\S)|\s+"#

    /// The text as UTF-8.
    let bytes: [UInt8]
    /// Kinds of the scalars.
    private let kinds: [ScalarKind]
    /// Offsets of the scalars in the bytes, and the end.
    private let starts: [Int]

    init(_ text: String) {
        bytes = Array(text.utf8)
        var (kinds, starts, offset) = ([ScalarKind](), [Int](), 0)
        kinds.reserveCapacity(bytes.count)
        starts.reserveCapacity(bytes.count + 1)
        for scalar in text.unicodeScalars {
            kinds.append(ScalarKind(scalar))
            starts.append(offset)
            offset += UTF8.width(scalar)
        }
        starts.append(offset)
        (self.kinds, self.starts) = (kinds, starts)
    }

    /// The bytes of each piece in order; together they are the text.
    func makeIterator() -> AnyIterator<ArraySlice<UInt8>> {
        var start = 0
        return AnyIterator {
            guard start < kinds.count else { return nil }
            let end = end(from: start)
            defer { start = end }
            return bytes[starts[start]..<starts[end]]
        }
    }

    /// The end of the piece that begins at a scalar.
    private func end(from start: Int) -> Int {
        if let end = contractionEnd(from: start) { return end }
        let here = kinds[start]
        let after = start + 1 < kinds.count ? kinds[start + 1] : nil
        switch here {
        case .letter: return run(from: start + 1) { $0 == .letter }
        // One space or sign goes with the letters behind it.
        case .space where after == .letter, .other where after == .letter:
            return run(from: start + 2) { $0 == .letter }
        case .number: return start + 1
        case .other: return signsEnd(from: start + 1)
        case .space where after == .other && bytes[starts[start]] == UInt8(ascii: " "):
            return signsEnd(from: start + 2)
        case .space, .newline: return spacesEnd(from: start)
        }
    }

    /// The end of signs, with the newlines behind them.
    private func signsEnd(from start: Int) -> Int {
        run(from: run(from: start) { $0 == .other }) { $0 == .newline }
    }

    /// The end of a piece of spaces: behind the last newline among them; without one, before the last of them, which
    /// belongs to the word that follows; a single space, or those at the end of the text, are a piece.
    private func spacesEnd(from start: Int) -> Int {
        let end = run(from: start) { $0 == .space || $0 == .newline }
        if let newline = kinds[start..<end].lastIndex(of: .newline) { return newline + 1 }
        return end < kinds.count && end > start + 1 ? end - 1 : end
    }

    private func run(from start: Int, while isMember: (ScalarKind) -> Bool) -> Int {
        var end = start
        while end < kinds.count, isMember(kinds[end]) { end += 1 }
        return end
    }

    /// The end of a contraction such as 's or 'll, in any case; nil if there is none.
    private func contractionEnd(from start: Int) -> Int? {
        let place = starts[start]
        guard bytes[place] == UInt8(ascii: "'") else { return nil }
        let tail = bytes[(place + 1)...].prefix(2)
        guard let first = tail.first else { return nil }
        // The long s, U+017F, is another small letter of S.
        if tail.elementsEqual([0xc5, 0xbf]) { return start + 2 }
        switch first | 0x20 {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"):
            return tail.last! | 0x20 == UInt8(ascii: "e") && tail.count == 2 ? start + 3 : nil
        case UInt8(ascii: "l"): return tail.count == 2 && tail.last! | 0x20 == UInt8(ascii: "l") ? start + 3 : nil
        default: return nil
        }
    }
}
