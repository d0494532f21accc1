import PixNerdSupport

/// Names of files for texts.
package enum PromptFileName {
    /// Number of characters that a name keeps of a text, and of their bytes: file systems allow 255 for a name, to which
    /// seeds and endings are added.
    private static let (longest, mostBytes) = (60, 180)

    /// A name that tells texts apart: the text with hyphens for spaces, or, where that is not all of the text, as much as
    /// is readable and a hash of the text.
    package static func text(_ text: String) -> String {
        var readable = ""
        for scalar in text.unicodeScalars {
            let isKept = scalar.properties.isAlphabetic || scalar.properties.numericType != nil
            if isKept { readable.unicodeScalars.append(scalar) } else if readable.last != "-" { readable.append("-") }
        }
        var name = ""
        for character in readable.prefix(longest) {
            guard name.utf8.count + character.utf8.count <= mostBytes else { break }
            name.append(character)
        }
        name = name.trimmed(of: "-")
        let isWhole = !text.contains("-") && name.utf8.elementsEqual(text.utf8.map { $0 == 32 ? 45 : $0 })
        if isWhole, !name.isEmpty { return name }
        var hash = Fingerprint()
        hash.add(text)
        return (name.isEmpty ? "prompt" : name) + "-" + hash.text.prefix(8)
    }
}

extension String {
    fileprivate func trimmed(of character: Character) -> String {
        let start = firstIndex { $0 != character } ?? endIndex
        let end = lastIndex { $0 != character }.map { index(after: $0) } ?? endIndex
        return start < end ? String(self[start..<end]) : ""
    }
}
