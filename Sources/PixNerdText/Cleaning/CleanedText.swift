import Foundation

/// A text while it is cleaned: its scalars, and what the rules are made of.
struct CleanedText {
    var scalars: [Unicode.Scalar]
    /// Where the last match of a rule ended; the text before it is not looked at again.
    private var cut = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    var string: String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    /// The scalar at a place; nil beyond the ends.
    subscript(place: Int) -> Unicode.Scalar? { scalars.indices.contains(place) ? scalars[place] : nil }

    /// What a rule puts in place of what it found.
    struct Replacement {
        let end: Int
        let with: [Unicode.Scalar]
    }

    /// Replaces what a rule finds, from left to right.
    ///
    /// - Parameter match: returns what stands for the text from a place on, and up to where; nil if nothing is found there.
    mutating func rewrite(_ match: (CleanedText, _ place: Int) -> Replacement?) {
        cut = 0
        var (out, place) = ([Unicode.Scalar](), 0)
        while place < scalars.count {
            if let found = match(self, place), found.end > place {
                out += found.with
                place = found.end
                cut = place
            } else {
                out.append(scalars[place])
                place += 1
            }
        }
        scalars = out
    }

    /// Replaces what a rule finds by the same text each time.
    ///
    /// - Parameter end: returns where what begins at a place ends; nil if nothing is found there.
    mutating func replace(with text: String = "", _ end: (CleanedText, _ place: Int) -> Int?) {
        let with = Array(text.unicodeScalars)
        rewrite { text, place in end(text, place).map { Replacement(end: $0, with: with) } }
    }

    /// Replaces runs of at least some scalars.
    mutating func replaceRuns(with text: String, atLeast: Int = 1, _ belongs: (Unicode.Scalar) -> Bool) {
        let with = Array(text.unicodeScalars)
        var (out, place) = ([Unicode.Scalar](), 0)
        while place < scalars.count {
            let end = run(place, belongs)
            if end - place >= atLeast {
                out += with
                place = end
            } else {
                out += scalars[place..<max(end, place + 1)]
                place = max(end, place + 1)
            }
        }
        scalars = out
    }

    /// Replaces a text everywhere.
    mutating func remove(_ part: String, for text: String = "") {
        replace(with: text) { $0.literal($1, part) }
    }

    /// Whether the last match ended at a place.
    func isCut(_ place: Int) -> Bool { cut == place && place > 0 }

    /// The end of the scalars from a place on that belong to a set.
    func run(_ place: Int, _ belongs: (Unicode.Scalar) -> Bool) -> Int {
        var end = place
        while end < scalars.count, belongs(scalars[end]) { end += 1 }
        return end
    }

    /// The end of such a run, if it is long enough.
    func run(_ place: Int, atLeast: Int, _ belongs: (Unicode.Scalar) -> Bool) -> Int? {
        let end = run(place, belongs)
        return end - place >= atLeast ? end : nil
    }

    /// The end of a run of digits, if there are as many as are allowed.
    func digits(_ place: Int, _ count: ClosedRange<Int> = 1...Int.max) -> Int? {
        let end = run(place, Self.isDigit)
        return count.contains(end - place) ? end : nil
    }

    /// The end of a run of the letters a to z, if there are as many as are allowed.
    func letters(_ place: Int, _ count: ClosedRange<Int> = 1...Int.max) -> Int? {
        let end = run(place, Self.isLatin)
        return count.contains(end - place) ? end : nil
    }

    /// The end of a run of blanks; nil if there are none.
    func spaces(_ place: Int) -> Int? { run(place, atLeast: 1, Self.isSpace) }

    /// The end of a text, if it is at a place.
    func literal(_ place: Int, _ text: String) -> Int? {
        var end = place
        for scalar in text.unicodeScalars {
            guard self[end] == scalar else { return nil }
            end += 1
        }
        return end
    }

    /// The end of the first of several texts that is at a place.
    func any(_ place: Int, _ texts: [String]) -> Int? {
        for text in texts { if let end = literal(place, text) { return end } }
        return nil
    }

    /// Whether a word begins or ends at a place.
    func isBoundary(_ place: Int) -> Bool {
        (self[place - 1].map(Self.isWord) ?? false) != (self[place].map(Self.isWord) ?? false)
    }

    func isSpace(_ place: Int) -> Bool { self[place].map(Self.isSpace) ?? false }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? "0"..."9" ~= scalar : scalar.properties.generalCategory == .decimalNumber
    }

    static func isLatin(_ scalar: Unicode.Scalar) -> Bool { "a"..."z" ~= scalar || "A"..."Z" ~= scalar }

    /// Whether a scalar is of words: letters, numbers and the underscore.
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return isLatin(scalar) || "0"..."9" ~= scalar || scalar == "_" }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
        default: return scalar.properties.numericType != nil
        }
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        0x1c...0x1f ~= scalar.value || scalar.properties.isWhitespace
    }

    /// A text without blanks at its ends.
    static func stripped(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let start = scalars.firstIndex(where: { !isSpace($0) }),
            let end = scalars.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(scalars[start...end])
    }

    /// Letters that stand for several.
    private static let ligatures: [Unicode.Scalar: String] = [
        "\u{132}": "IJ", "\u{133}": "ij", "\u{149}": "\u{2bc}n", "\u{1c4}": "D\u{17d}", "\u{1c5}": "D\u{17e}",
        "\u{1c6}": "d\u{17e}", "\u{1c7}": "LJ", "\u{1c8}": "Lj", "\u{1c9}": "lj", "\u{1ca}": "NJ", "\u{1cb}": "Nj",
        "\u{1cc}": "nj", "\u{1f1}": "DZ", "\u{1f2}": "Dz", "\u{1f3}": "dz", "\u{fb00}": "ff", "\u{fb01}": "fi",
        "\u{fb02}": "fl", "\u{fb03}": "ffi", "\u{fb04}": "ffl", "\u{fb05}": "\u{17f}t", "\u{fb06}": "st",
    ]

    /// Makes quotes and wide letters plain ones, takes ligatures apart and control characters out, and composes letters
    /// and their accents.
    mutating func repairCharacters() {
        var out = String.UnicodeScalarView()
        for scalar in scalars {
            switch scalar.value {
            case 0...8, 0x0b, 0x0e...0x1f, 0x7f, 0x206a...0x206f, 0xfeff, 0xfff9...0xfffc: continue
            case 0x2bc, 0x2018...0x201b: out.append("'")
            case 0x201c...0x201f: out.append("\"")
            case 0x3000, 0xff01...0xffef:
                let plain = String(scalar).precomposedStringWithCompatibilityMapping
                out.append(contentsOf: plain.unicodeScalars)
            default:
                if let parts = Self.ligatures[scalar] { out.append(contentsOf: parts.unicodeScalars) } else {
                    out.append(scalar)
                }
            }
        }
        scalars = Array(Composition.composed(String(out)).unicodeScalars)
    }
}
