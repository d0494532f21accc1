import Foundation

/// What is done with a text before a text encoder reads it.
public enum CaptionCleaning: String, Sendable, CaseIterable, Codable {
    /// Nothing.
    case none
    /// Lower case, without blanks at the ends.
    case plain
    /// The cleaning that captions of PixArt's training went through, by rule: lower case, without tags, addresses, file
    /// names, numbers of articles, CJK characters and advertising, and with plain dashes and quotes.
    ///
    /// Some rules depend on what others leave, so all are applied twice. Equal to the published program but for text in a
    /// wrong encoding, which is not repaired, and for rare names of characters in HTML.
    case published

    /// A text after the cleaning.
    public func callAsFunction(_ text: String) -> String {
        switch self {
        case .none: return text
        case .plain: return CleanedText.stripped(text.lowercased())
        case .published: return CaptionRules.cleaned(CaptionRules.cleaned(text))
        }
    }
}

/// The rules of published captions, in their order.
enum CaptionRules {
    static func cleaned(_ caption: String) -> String {
        var text = CleanedText(CleanedText.stripped(percentDecoded(caption).lowercased()))
        text.remove("<person>", for: "person")
        AddressRules.apply(to: &text)
        text = CleanedText(MarkupText.text(of: text.scalars))
        punctuate(&text)
        NumberRules.applyBefore(to: &text)
        FileNameRule.apply(to: &text)
        simplifyPunctuation(&text)
        text.repairCharacters()
        NumberRules.applyAfter(to: &text)
        AdvertisingRules.apply(to: &text)
        NumberRules.applyLast(to: &text)
        space(&text)
        trim(&text)
        return CleanedText.stripped(text.string)
    }

    /// A text in which `+` is a space, and `%` with two digits a byte.
    private static func percentDecoded(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var (out, place) = ([UInt8](), 0)
        while place < bytes.count {
            if bytes[place] == UInt8(ascii: "%"), place + 2 < bytes.count,
                let high = digit(bytes[place + 1]), let low = digit(bytes[place + 2])
            {
                out.append(high << 4 | low)
                place += 3
            } else {
                out.append(bytes[place] == UInt8(ascii: "+") ? 0x20 : bytes[place])
                place += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        guard byte < 0x80 else { return nil }
        return Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }

    private static let dashes: Set<UInt32> = [
        0x2d, 0x58a, 0x5be, 0x1400, 0x1806, 0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2e17, 0x2e1a, 0x2e3a, 0x2e3b,
        0x2e40, 0x301c, 0x3030, 0x30a0, 0xfe31, 0xfe32, 0xfe58, 0xfe63, 0xff0d,
    ]

    /// Takes out names of users and CJK characters, and makes dashes and quotes plain ones.
    private static func punctuate(_ text: inout CleanedText) {
        text.replace { text, place in
            guard text[place] == "@" else { return nil }
            return text.run(place + 1, atLeast: 1) { CleanedText.isWord($0) }
        }
        text.scalars.removeAll { 0x31c0...0x9fff ~= $0.value }
        text.replaceRuns(with: "-") { dashes.contains($0.value) }
        text.scalars = text.scalars.map { scalar in
            switch scalar {
            case "`", "\u{b4}", "\u{ab}", "\u{bb}", "\u{201c}", "\u{201d}", "\u{a8}": "\""
            case "\u{2018}", "\u{2019}": "'"
            default: scalar
            }
        }
        text.remove("&quot;")
        text.remove("&quot")
        text.remove("&amp")
    }

    private static let symbols = Set("#®•©™&@·º½¾¿¡§~)(][}{|\\/*".unicodeScalars)

    private static func simplifyPunctuation(_ text: inout CleanedText) {
        text.replaceRuns(with: "\"", atLeast: 2) { $0 == "\"" || $0 == "'" }
        text.replaceRuns(with: " ", atLeast: 2) { $0 == "." }
        text.replaceRuns(with: " ") { symbols.contains($0) }
        text.replace(with: " ") { text, place in
            guard !text.isSpace(place - 1) || text.isCut(place), let dot = text.spaces(place), text[dot] == "." else {
                return nil
            }
            return text.spaces(dot + 1)
        }
        // A name like this-is-my-cute-cat.
        if text.scalars.count(where: { $0 == "-" || $0 == "_" }) > 3 {
            text.scalars = text.scalars.map { $0 == "-" || $0 == "_" ? " " : $0 }
        }
    }

    /// Puts spaces behind colons and other marks, and one for many.
    private static func space(_ text: inout CleanedText) {
        text.replace(with: ": ") { text, place in
            guard text.isBoundary(place), let colon = text.spaces(place), text[colon] == ":" else { return nil }
            return text.spaces(colon + 1)
        }
        text.rewrite { text, place in
            guard let first = text[place], !CleanedText.isDigit(first), let mark = text[place + 1],
                mark == "," || mark == "." || mark == "/", text.isBoundary(place + 2)
            else { return nil }
            return CleanedText.Replacement(end: place + 2, with: [first, mark, " "])
        }
        text.replaceRuns(with: " ") { CleanedText.isSpace($0) }
    }

    /// Takes quotes and marks from the ends.
    private static func trim(_ text: inout CleanedText) {
        let quotes: Set<Unicode.Scalar> = ["\"", "'"]
        if text.scalars.count > 2, let first = text.scalars.first, let last = text.scalars.last,
            quotes.contains(first), quotes.contains(last)
        {
            text.scalars = Array(text.scalars.dropFirst().dropLast())
        }
        if let first = text.scalars.first, "'_,-:;".unicodeScalars.contains(first) { text.scalars.removeFirst() }
        if let last = text.scalars.last, "'_,-:+".unicodeScalars.contains(last) { text.scalars.removeLast() }
        if text.scalars.count > 1, text[0] == ".", !text.scalars.contains(where: { CleanedText.isSpace($0) }) {
            text.scalars = []
        }
    }
}
