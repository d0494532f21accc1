/// The text of HTML without its tags and comments, and with characters for their names, read as leniently as browsers do.
enum MarkupText {
    static func text(of scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let markup = CleanedText(scalars)
        var (out, place) = ([Unicode.Scalar](), 0)
        while let scalar = markup[place] {
            if scalar == "<", let end = endOfTag(markup, place) {
                place = end
            } else if scalar == "&", let (characters, end) = character(markup, place) {
                out += characters
                place = end
            } else {
                out.append(scalar)
                place += 1
            }
        }
        return out
    }

    /// The end of a tag, a comment or a declaration, and of the contents of a script or a style; nil if there is none at a
    /// place.
    private static func endOfTag(_ markup: CleanedText, _ place: Int) -> Int? {
        if let start = markup.literal(place, "<!--") { return end(of: "-->", in: markup, from: start) }
        guard let next = markup[place + 1] else { return nil }
        if next == "!" || next == "?" { return end(of: ">", in: markup, from: place + 1) }
        let name = next == "/" ? place + 2 : place + 1
        guard markup[name].map(CleanedText.isLatin) == true else {
            return next == "/" ? end(of: ">", in: markup, from: place + 1) : nil
        }
        guard let tag = endOfQuoted(markup, name) else { return nil }
        for hidden in ["script", "style"] where next != "/" {
            guard let rest = markup.literal(name, hidden), markup.isBoundary(rest) else { continue }
            return markup.place(of: "</\(hidden)", from: tag).flatMap { end(of: ">", in: markup, from: $0) } ?? tag
        }
        return tag
    }

    private static func end(of text: String, in markup: CleanedText, from place: Int) -> Int? {
        markup.place(of: text, from: place).map { $0 + text.unicodeScalars.count }
    }

    /// The end of a tag, in whose quotes `>` may stand.
    private static func endOfQuoted(_ markup: CleanedText, _ start: Int) -> Int? {
        var (place, quote): (Int, Unicode.Scalar?) = (start, nil)
        var previous: Unicode.Scalar = " "
        while let scalar = markup[place] {
            place += 1
            if let open = quote {
                if scalar == open { quote = nil }
            } else if scalar == ">" {
                return place
            } else if previous == "=", scalar == "\"" || scalar == "'" {
                quote = scalar
            }
            if !CleanedText.isSpace(scalar) { previous = scalar }
        }
        return nil
    }

    /// The characters that a name or a number between `&` and `;` stands for, and where it ends.
    private static func character(_ markup: CleanedText, _ place: Int) -> ([Unicode.Scalar], end: Int)? {
        if markup[place + 1] == "#" { return numbered(markup, place + 2) }
        let end = markup.run(place + 1) { CleanedText.isLatin($0) || "0"..."9" ~= $0 }
        guard end > place + 1, end - place < 16, let next = markup[end] else { return nil }
        let name = String(String.UnicodeScalarView(markup.scalars[place + 1..<end]))
        let after = next == ";" ? end + 1 : end
        if let character = CharacterNames.all[name] { return ([character], after) }
        return (["&"] + markup.scalars[place + 1..<end], after)
    }

    private static func numbered(_ markup: CleanedText, _ place: Int) -> ([Unicode.Scalar], end: Int)? {
        let isHexadecimal = markup[place] == "x" || markup[place] == "X"
        let start = isHexadecimal ? place + 1 : place
        let end = markup.run(start) {
            $0.isASCII && (isHexadecimal ? $0.properties.isHexDigit : "0"..."9" ~= $0)
        }
        guard end > start, let next = markup[end] else { return nil }
        let digits = String(String.UnicodeScalarView(markup.scalars[start..<end]))
        let number = UInt32(digits, radix: isHexadecimal ? 16 : 10) ?? 0xfffd
        let character = CharacterNames.windows[number] ?? Unicode.Scalar(number) ?? "\u{fffd}"
        return ([character], next == ";" ? end + 1 : end)
    }
}

extension CleanedText {
    /// Where a text begins next; nil if it does not.
    fileprivate func place(of text: String, from start: Int) -> Int? {
        guard start <= scalars.count else { return nil }
        return (start..<scalars.count).first { literal($0, text) != nil }
    }
}

/// Names of characters in HTML, in lower case.
enum CharacterNames {
    /// Those from U+00A0 on, in order; `-` for those that lower case does not have.
    private static let latin = """
        nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro \
        para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest - - - - - - - - - - - - - - - - - - - - - - - times \
        - - - - - - - szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc \
        iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml
        """
    /// Those from U+03B1 on, in order.
    private static let greek = """
        alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon \
        phi chi psi omega
        """
    private static let others: [String: UInt32] = [
        "amp": 0x26, "lt": 0x3c, "gt": 0x3e, "quot": 0x22, "apos": 0x27, "oelig": 0x153, "scaron": 0x161, "fnof": 0x192,
        "circ": 0x2c6, "tilde": 0x2dc, "ensp": 0x2002, "emsp": 0x2003, "thinsp": 0x2009, "zwnj": 0x200c, "zwj": 0x200d,
        "lrm": 0x200e, "rlm": 0x200f, "ndash": 0x2013, "mdash": 0x2014, "lsquo": 0x2018, "rsquo": 0x2019,
        "sbquo": 0x201a, "ldquo": 0x201c, "rdquo": 0x201d, "bdquo": 0x201e, "dagger": 0x2020, "bull": 0x2022,
        "hellip": 0x2026, "permil": 0x2030, "prime": 0x2032, "lsaquo": 0x2039, "rsaquo": 0x203a, "oline": 0x203e,
        "frasl": 0x2044, "euro": 0x20ac, "image": 0x2111, "weierp": 0x2118, "real": 0x211c, "trade": 0x2122,
        "alefsym": 0x2135, "larr": 0x2190, "uarr": 0x2191, "rarr": 0x2192, "darr": 0x2193, "harr": 0x2194,
        "crarr": 0x21b5, "forall": 0x2200, "part": 0x2202, "exist": 0x2203, "empty": 0x2205, "nabla": 0x2207,
        "isin": 0x2208, "notin": 0x2209, "ni": 0x220b, "prod": 0x220f, "sum": 0x2211, "minus": 0x2212, "lowast": 0x2217,
        "radic": 0x221a, "prop": 0x221d, "infin": 0x221e, "ang": 0x2220, "and": 0x2227, "or": 0x2228, "cap": 0x2229,
        "cup": 0x222a, "int": 0x222b, "there4": 0x2234, "sim": 0x223c, "cong": 0x2245, "asymp": 0x2248, "ne": 0x2260,
        "equiv": 0x2261, "le": 0x2264, "ge": 0x2265, "sub": 0x2282, "sup": 0x2283, "nsub": 0x2284, "sube": 0x2286,
        "supe": 0x2287, "oplus": 0x2295, "otimes": 0x2297, "perp": 0x22a5, "sdot": 0x22c5, "lceil": 0x2308,
        "rceil": 0x2309, "lfloor": 0x230a, "rfloor": 0x230b, "lang": 0x27e8, "rang": 0x27e9, "loz": 0x25ca,
        "spades": 0x2660, "clubs": 0x2663, "hearts": 0x2665, "diams": 0x2666, "thetasym": 0x3d1, "upsih": 0x3d2,
        "piv": 0x3d6,
    ]

    static let all: [String: Unicode.Scalar] = {
        var all = others
        for (names, first) in [(latin, UInt32(0xa0)), (greek, 0x3b1)] {
            for (place, name) in names.split(separator: " ").enumerated() where name != "-" {
                all[String(name)] = first + UInt32(place)
            }
        }
        return all.compactMapValues { Unicode.Scalar($0) }
    }()

    /// What numbers of control characters stand for: those of the code page of Windows.
    static let windows: [UInt32: Unicode.Scalar] = {
        let characters = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ"
        return Dictionary(uniqueKeysWithValues: zip(UInt32(0x80)..., characters.unicodeScalars))
    }()
}
