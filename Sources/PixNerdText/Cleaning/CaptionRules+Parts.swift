/// Addresses of the web.
enum AddressRules {
    private static let domains = ["com", "co", "ru", "net", "org", "edu", "gov", "it"]
    /// Scalars of a name of a host that are looked at.
    private static let longest = 1024

    static func apply(to text: inout CleanedText) {
        text.replace { text, place in
            guard text.isBoundary(place) else { return nil }
            return scheme(text, text.literal(place, "https:") ?? text.literal(place, "http:")) ?? host(text, place)
        }
        text.replace { text, place in
            guard text.isBoundary(place) else { return nil }
            return scheme(text, text.literal(place, "www:")) ?? host(text, place)
        }
    }

    /// The end of what follows a scheme: one to three slashes, or one sign.
    private static func scheme(_ text: CleanedText, _ place: Int?) -> Int? {
        guard let place, let first = text[place] else { return nil }
        if first == "/" { return min(place + 3, text.run(place) { $0 == "/" }) }
        return first == "%" || "0"..."9" ~= first || CleanedText.isLatin(first) ? place + 1 : nil
    }

    /// The end of a host like example.org with its path, to which no user name belongs.
    private static func host(_ text: CleanedText, _ place: Int) -> Int? {
        var end = place
        while end < place + longest, let scalar = text[end],
            CleanedText.isLatin(scalar) || "0"..."9" ~= scalar || scalar == "." || scalar == "-"
        {
            end += 1
        }
        for dot in stride(from: end - 1, to: place, by: -1) where text[dot] == "." {
            for domain in domains {
                guard let rest = text.literal(dot + 1, domain) else { continue }
                if let end = path(text, rest) { return end }
            }
        }
        return nil
    }

    private static func path(_ text: CleanedText, _ place: Int) -> Int? {
        let last = text.run(place) { CleanedText.isWord($0) || $0 == "/" || $0 == "-" }
        for end in stride(from: last, through: place, by: -1) where text.isBoundary(end) {
            if text[end] == "/", text[end + 1] != "@" { return end + 1 }
            if text[end] != "@" { return end }
        }
        return nil
    }
}

/// Numbers, and names with numbers in them.
enum NumberRules {
    /// What is taken out before punctuation is simplified: addresses of machines, and numbers of articles.
    static func applyBefore(to text: inout CleanedText) {
        text.replace(with: " ") { text, place in
            var end = place
            for part in 0..<4 {
                if part > 0 {
                    guard text[end] == "." else { return nil }
                    end += 1
                }
                let digits = min(end + 3, text.run(end, CleanedText.isDigit))
                guard digits > end else { return nil }
                end = digits
            }
            return end
        }
        text.replace { $0.timeAtEnd($1) }
        text.remove("\\n", for: " ")
        for count in [1...3, 5...Int.max] {
            text.replace { text, place in
                guard text[place] == "#", let end = text.digits(place + 1, count) else { return nil }
                return text.isBoundary(end) ? end : nil
            }
        }
        text.replace { text, place in
            guard text.isBoundary(place), let end = text.digits(place, 6...Int.max) else { return nil }
            return text.isBoundary(end) ? end : nil
        }
    }

    /// Names such as jc6640, jc6640vc and 6640vc231.
    static func applyAfter(to text: inout CleanedText) {
        word(in: &text) { text, place in text.letters(place, 1...3).flatMap { text.digits($0, 3...15) } }
        word(in: &text) { text, place in
            text.letters(place).flatMap { text.digits($0) }.flatMap { text.letters($0) }
        }
        word(in: &text) { text, place in
            text.digits(place).flatMap { text.letters($0) }.flatMap { text.digits($0) }
        }
    }

    /// Names of several numbers and letters, and sizes such as 10x15.
    static func applyLast(to text: inout CleanedText) {
        word(in: &text, with: " ") { text, place in
            let start = text.run(place, CleanedText.isDigit)
            return text.letters(start).flatMap { text.digits($0) }.flatMap { text.letters($0) }
                .flatMap { text.digits($0) }
                .map { text.run($0) { CleanedText.isLatin($0) || CleanedText.isDigit($0) } }
        }
        text.replace { text, place in
            guard text.isBoundary(place), var cross = text.digits(place) else { return nil }
            if text[cross] == "." { cross = text.run(cross + 1, CleanedText.isDigit) }
            guard let sign = text[cross], sign == "x" || sign == "\u{445}" || sign == "\u{d7}",
                let whole = text.digits(cross + 1)
            else { return nil }
            let ends = text[whole] == "." ? [text.run(whole + 1, CleanedText.isDigit), whole + 1, whole] : [whole]
            return ends.first { text.isBoundary($0) }
        }
    }

    /// Replaces whole words that a rule finds.
    private static func word(
        in text: inout CleanedText, with replacement: String = "", _ end: (CleanedText, _ place: Int) -> Int?
    ) {
        text.replace(with: replacement) { text, place in
            guard text.isBoundary(place), let end = end(text, place) else { return nil }
            return text.isBoundary(end) ? end : nil
        }
    }
}

extension CleanedText {
    /// The end of the text, if a time such as 3:45 and blanks are all that is left of it from the last digit of its hours
    /// on.
    fileprivate func timeAtEnd(_ place: Int) -> Int? {
        guard let first = self[place], Self.isDigit(first), self[place + 1] == ":",
            let minutes = digits(place + 2, 2...2), let end = spaces(minutes), end == scalars.count
        else { return nil }
        return end
    }
}

/// Names of files.
enum FileNameRule {
    static let endings = ["png", "jpg", "jpeg", "bmp", "webp", "eps", "pdf", "apk", "mp4"]

    /// Takes out what stands without blanks before the last ending of a file, and this.
    static func apply(to text: inout CleanedText) {
        var (out, place) = ([Unicode.Scalar](), 0)
        while place < text.scalars.count {
            let end = text.run(place) { !CleanedText.isSpace($0) }
            guard end > place else {
                out.append(text.scalars[place])
                place += 1
                continue
            }
            let dot = (place..<end).last { dot in
                dot > place && text[dot] == "." && text.any(dot + 1, endings) != nil
            }
            let kept = dot.flatMap { text.any($0 + 1, endings) } ?? place
            out += text.scalars[kept..<end]
            place = end
        }
        text.scalars = out
    }
}

/// Words of shops.
enum AdvertisingRules {
    static func apply(to text: inout CleanedText) {
        text.replace { text, place in
            for start in [text.literal(place, "worldwide").flatMap { text.spaces($0) }, place] {
                guard let start else { continue }
                for word in [text.literal(start, "free").flatMap { text.spaces($0) }, start] {
                    if let word, let end = text.literal(word, "shipping") { return end }
                }
            }
            return nil
        }
        text.replace { text, place in
            let start = text.literal(place, "free").flatMap { text.isSpace($0) ? $0 + 1 : nil }
            for start in [start, place] {
                guard let start, let end = text.literal(start, "download") else { continue }
                return text.isSpace(end) ? text.literal(end + 1, "free") ?? end : end
            }
            return nil
        }
        text.replace { text, place in
            guard text.isBoundary(place), let click = text.literal(place, "click"), text.isSpace(click),
                let word = text.any(click + 1, ["for", "on"]), text.isSpace(word)
            else { return nil }
            return text.run(word + 1, atLeast: 1, CleanedText.isWord)
        }
        text.replace { text, place in
            guard text.isBoundary(place), let end = text.any(place, FileNameRule.endings) else { return nil }
            guard text.isSpace(end), let image = text.literal(end + 1, "image") else { return end }
            return text.literal(image, "s") ?? image
        }
        text.replace { text, place in
            guard text.isBoundary(place), let page = text.literal(place, "page"), let number = text.spaces(page),
                let end = text.digits(number)
            else { return nil }
            return text.isBoundary(end) ? end : nil
        }
    }
}
