import PixNerdSupport

/// Byte-level BPE with the rules of Qwen2 and Qwen3, from a `tokenizer.json` as Hugging Face's tokenizers library writes
/// it.
///
/// A text is used as it is: no token is put before or after it. Copies share a cache of words.
struct BytePairTokenizer: TokenizerModel {
    let padding: Int
    let idLimit: Int
    let fingerprint: String

    private let vocabulary: Vocabulary
    private let merges: Merges
    /// Added tokens that are looked for in the text as it is.
    private let added: AddedTokens
    /// Added tokens that are looked for in composed text.
    private let normalizedAdded: AddedTokens
    /// Ids of the added tokens, which stand for their text and not for bytes.
    private let addedIDs: Set<Int>
    private let composes: Bool
    private let cache = PieceCache()

    /// - Parameter path: the path of the file.
    /// - Throws: `PixNerdError` if there is no token for padding, or a configuration beside the file is broken.
    init(_ file: TokenizerFile, path: String) throws {
        (vocabulary, merges, composes) = (file.tokens, file.merges, file.composes)
        fingerprint = file.fingerprint
        idLimit = file.tokens.idLimit
        added = AddedTokens(file.added.filter { !$0.isNormalized })
        normalizedAdded = AddedTokens(
            file.added.filter(\.isNormalized).map { token in
                guard file.composes else { return token }
                let text = Composition.composed(String(decoding: token.content, as: UTF8.self))
                return AddedToken(content: Array(text.utf8), id: token.id, isNormalized: true)
            })
        addedIDs = Set(file.added.map(\.id))
        padding = try TokenizerConfiguration.padding(of: file, path: path)
    }

    var end: Int? { nil }

    func tokens(_ text: String) -> [Int] {
        var ids: [Int] = []
        for part in added.parts(of: text) {
            switch part {
            case .token(let id): ids.append(Int(id))
            case .text(let text):
                for part in normalizedAdded.parts(of: composes ? Composition.composed(text) : text) {
                    switch part {
                    case .token(let id): ids.append(Int(id))
                    case .text(let text):
                        for piece in Pieces(text) {
                            for id in cache.ids(of: piece, { merges.ids(of: piece) }) { ids.append(Int(id)) }
                        }
                    }
                }
            }
        }
        return ids
    }

    func bytes(of id: Int) -> [UInt8] {
        guard let text = vocabulary.text(of: id) else { return [] }
        if addedIDs.contains(id) { return Array(text) }
        return ByteAlphabet.bytes(String(decoding: text, as: UTF8.self)) ?? Array(text)
    }

    /// A character of which a part stands before the place is part of what is lost.
    func lost(of text: String, ids: [Int], from start: Int) -> String {
        var lost = ids[start...].flatMap(bytes)
        // Continuation bytes at the start: what begins their character is at most three bytes before them.
        var before = ids[..<start].suffix(4).flatMap(bytes)
        var missing: [UInt8] = []
        while let first = lost.first, first & 0xc0 == 0x80, let byte = before.popLast() {
            missing.insert(byte, at: 0)
            if byte & 0xc0 != 0x80 { lost.insert(contentsOf: missing, at: 0) }
        }
        return String(decoding: lost, as: UTF8.self)
    }
}
