/// The name of an embedded colour profile (ICC.1, the tag `desc`). Colours are not converted by it.
enum ColorProfile {
    /// The name in the bytes of a profile, or of its first part; "a profile without a name" if it has none.
    static func name(_ bytes: UnsafeRawBufferPointer) -> String {
        func number(_ position: Int) -> Int? {
            guard position >= 0, position <= bytes.count - 4 else { return nil }
            return bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        let nameless = "a profile without a name"
        guard let count = number(128) else { return nameless }
        for entry in 0..<min(count, 100) {
            let position = 132 + 12 * entry
            guard let tag = number(position), let start = number(position + 4), let size = number(position + 8),
                start <= bytes.count - 12
            else { return nameless }
            guard tag == 0x6465_7363 else { continue }
            let end = min(start + size, bytes.count)
            guard end > start + 12 else { return nameless }
            let text = text(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            return text.isEmpty ? nameless : text
        }
        return nameless
    }

    /// The text of a `desc` (ASCII) or `mluc` (UTF-16) element, without control characters.
    private static func text(_ element: UnsafeRawBufferPointer) -> String {
        func number(_ position: Int) -> Int {
            guard position <= element.count - 4 else { return 0 }
            return element[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        var text = ""
        if FileSignature(element).begins("desc") {
            let length = min(number(8), element.count - 12)
            text = String(decoding: element[12..<12 + max(length, 0)].prefix { $0 != 0 }, as: UTF8.self)
        } else if FileSignature(element).begins("mluc"), number(8) > 0 {
            let (length, start) = (number(20), number(24))
            guard start < element.count else { return "" }
            let units = element[start..<min(start + length, element.count)]
            text = String(
                decoding: stride(from: units.startIndex, to: units.endIndex - 1, by: 2).map {
                    UInt16(units[$0]) << 8 | UInt16(units[$0 + 1])
                }, as: UTF16.self)
        }
        return String(text.prefix(60)).filter { character in
            character.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        }
    }
}
