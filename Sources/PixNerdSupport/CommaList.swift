/// The entries of a comma-separated list. An entry in single or double quotes may hold commas; a quote inside it is
/// written twice. Other entries are taken as they are, without the spaces around them; empty ones are left out.
package func commaList(_ text: String) -> [String] {
    var entries: [String] = []
    var rest = text[...]
    while !rest.isEmpty {
        rest = rest.drop { $0 == " " || $0 == "," }
        if let (entry, after) = quotedEntry(rest) {
            entries.append(entry)
            rest = after
        } else {
            let entry = rest.prefix { $0 != "," }
            rest = rest[entry.endIndex...]
            if let last = entry.lastIndex(where: { $0 != " " }) { entries.append(String(entry[...last])) }
        }
    }
    return entries
}

/// The quoted entry that a list begins with, without its quotes, and what follows it; nil if it begins with none.
private func quotedEntry(_ text: Substring) -> (entry: String, after: Substring)? {
    guard let quote = text.first, quote == "'" || quote == "\"" else { return nil }
    var entry = ""
    var rest = text.dropFirst()
    while let end = rest.firstIndex(of: quote) {
        entry += rest[..<end]
        rest = rest[rest.index(after: end)...]
        if rest.first == quote {
            entry.append(quote)
            rest = rest.dropFirst()
            continue
        }
        let after = rest.drop { $0 == " " }
        // A quote in the middle of an entry is part of its name.
        return after.isEmpty || after.first == "," ? (entry, after) : nil
    }
    return nil
}
