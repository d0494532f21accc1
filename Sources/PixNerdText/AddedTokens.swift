/// A token that stands for itself in a text.
struct AddedToken: Sendable {
    /// The text as UTF-8; not empty.
    let content: [UInt8]
    let id: Int
    /// Whether it is looked for in composed text instead of the text as it is.
    let isNormalized: Bool
}

/// Tokens that are cut out of a text before it is split, such as `<|endoftext|>`.
struct AddedTokens: Sendable {
    /// Contents and ids by first byte, the longest content first.
    private var tokens = [[(content: [UInt8], id: Int32)]](repeating: [], count: 256)
    private let isEmpty: Bool

    /// - Parameter all: tokens whose contents are not empty.
    init(_ all: [AddedToken]) {
        for token in all.sorted(by: { $0.content.count > $1.content.count }) {
            tokens[Int(token.content[0])].append((token.content, Int32(token.id)))
        }
        isEmpty = all.isEmpty
    }

    /// A part of a text.
    enum Part {
        case token(Int32)
        case text(String)
    }

    /// Parts of a text: the tokens in it, of those that overlap the leftmost and of these the longest, and the text
    /// between them.
    func parts(of text: String) -> [Part] {
        guard !isEmpty, !text.isEmpty else { return [.text(text)] }
        let bytes = Array(text.utf8)
        var parts: [Part] = []
        var (start, place) = (0, 0)
        while place < bytes.count {
            guard let found = tokens[Int(bytes[place])].first(where: { bytes[place...].starts(with: $0.content) })
            else {
                place += 1
                continue
            }
            if start < place { parts.append(.text(String(decoding: bytes[start..<place], as: UTF8.self))) }
            parts.append(.token(found.id))
            place += found.content.count
            start = place
        }
        // Without tokens the text is not copied.
        if start == 0 { return [.text(text)] }
        if start < bytes.count { parts.append(.text(String(decoding: bytes[start...], as: UTF8.self))) }
        return parts
    }
}
