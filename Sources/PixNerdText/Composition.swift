/// Canonical composition (NFC, Unicode Standard Annex 15) as the tokenizers library does it, whose tables are those of
/// Unicode 9: marks that are newer stay as they are and where they are.
///
/// Foundation's composition does not do: in Swift 6.3 it composes characters beyond U+FFFF as if they were those of
/// their low 16 bits, leaves a Hangul syllable and a final consonant apart, and orders the parts of U+0F81 wrongly.
enum Composition {
    /// Text in which each accented letter is one character where there is one.
    static func composed(_ text: String) -> String {
        if isComposed(text) { return text }
        var scalars: [Entry] = []
        for scalar in text.unicodeScalars { decompose(scalar.value, into: &scalars) }
        order(&scalars)
        compose(&scalars)
        return String(String.UnicodeScalarView(scalars.map { Unicode.Scalar($0.value)! }))
    }

    /// A scalar and its combining class, which is 0 for all but marks that move.
    private struct Entry {
        let value: UInt32
        let order: UInt8

        init(_ value: UInt32) {
            self.value = value
            order = CompositionTables.order(of: value)
        }
    }

    /// Whether nothing in a text can change. If it returns false, composed text may still be the same.
    private static func isComposed(_ text: String) -> Bool {
        // Below U+0300 there is nothing to compose.
        if text.utf8.allSatisfy({ $0 < 0xcc }) { return true }
        return text.unicodeScalars.allSatisfy { scalar in
            let value = scalar.value
            return value < 0x300
                || !Hangul.isMedial(value) && !Hangul.isFinal(value)
                    && !CompositionTables.shared.changing.contains(value) && CompositionTables.order(of: value) == 0
        }
    }

    private static func decompose(_ value: UInt32, into scalars: inout [Entry]) {
        if let parts = Hangul.parts(of: value) ?? CompositionTables.shared.parts[value] {
            for part in parts { scalars.append(Entry(part)) }
        } else {
            scalars.append(Entry(value))
        }
    }

    /// Sorts each run of marks by their classes; marks of one class keep their order.
    private static func order(_ scalars: inout [Entry]) {
        var start = 0
        while start < scalars.count {
            let end = scalars[start...].firstIndex { $0.order == 0 } ?? scalars.count
            if end > start + 1 {
                let run = scalars[start..<end].enumerated().sorted {
                    ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
                }
                scalars.replaceSubrange(start..<end, with: run.map(\.element))
            }
            start = end + 1
        }
    }

    /// Joins each starter with the marks behind it that it can be joined with.
    private static func compose(_ scalars: inout [Entry]) {
        var result: [Entry] = []
        result.reserveCapacity(scalars.count)
        var starter: Int?
        for entry in scalars {
            if let place = starter {
                let last = result.count - 1
                // What stands between the two and is of the same class or higher keeps them apart.
                let isFree = last == place || (result[last].order != 0 && result[last].order < entry.order)
                if isFree, let whole = whole(result[place].value, entry.value) {
                    result[place] = Entry(whole)
                    continue
                }
            }
            if entry.order == 0 { starter = result.count }
            result.append(entry)
        }
        scalars = result
    }

    /// The character that two become; nil if they stay two.
    private static func whole(_ first: UInt32, _ second: UInt32) -> UInt32? {
        Hangul.whole(first, second) ?? CompositionTables.shared.wholes[UInt64(first) << 32 | UInt64(second)]
    }
}

/// Hangul syllables, which are composed by arithmetic (The Unicode Standard, section 3.12).
private enum Hangul {
    private static let leading: Range<UInt32> = 0x1100..<0x1113
    private static let medial: Range<UInt32> = 0x1161..<0x1176
    /// The first stands for none.
    private static let final: Range<UInt32> = 0x11a7..<0x11c3
    private static let syllables: Range<UInt32> = 0xac00..<0xd7a4

    static func isMedial(_ value: UInt32) -> Bool { medial.contains(value) }

    static func isFinal(_ value: UInt32) -> Bool { final.dropFirst().contains(value) }

    static func parts(of syllable: UInt32) -> [UInt32]? {
        guard syllables.contains(syllable) else { return nil }
        let (pair, end) = (syllable - syllables.lowerBound).quotientAndRemainder(dividingBy: UInt32(final.count))
        let (start, middle) = pair.quotientAndRemainder(dividingBy: UInt32(medial.count))
        let parts = [leading.lowerBound + start, medial.lowerBound + middle]
        return end == 0 ? parts : parts + [final.lowerBound + end]
    }

    static func whole(_ first: UInt32, _ second: UInt32) -> UInt32? {
        let finals = UInt32(final.count)
        if leading.contains(first), medial.contains(second) {
            let pair = (first - leading.lowerBound) * UInt32(medial.count) + second - medial.lowerBound
            return syllables.lowerBound + pair * finals
        }
        guard syllables.contains(first), (first - syllables.lowerBound) % finals == 0, isFinal(second) else {
            return nil
        }
        return first + second - final.lowerBound
    }
}
