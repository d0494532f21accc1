import PixNerdSupport

/// The tokenizer of a text encoder: byte-level BPE with the rules of Qwen2 and Qwen3, from a `tokenizer.json` as Hugging
/// Face's tokenizers library writes it.
///
/// A text is used as it is: no template is put around it and no token before or after. Copies share a cache of words, and
/// may be used on any thread.
public struct Tokenizer: Sendable {
    /// The id of the token that fills up rows: `pad_token` of a `tokenizer_config.json` beside the file, otherwise
    /// `<|endoftext|>`.
    public let padding: Int
    /// One more than the largest id; at most 4,194,304. An encoder needs at least as many rows of embeddings.
    public let idLimit: Int
    /// The fingerprint of the bytes of `tokenizer.json`; see ``Fingerprint``.
    public let fingerprint: String

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

    /// Reads a tokenizer.
    ///
    /// - Parameter path: a directory with `tokenizer.json`, such as that of Qwen3 as it is downloaded, or the file itself.
    /// - Throws: `PixNerdError` if there is no such file, if it is broken, or if it asks for something that is not done
    ///   here: other models than byte-level BPE, other rules of splitting, other normalizers than NFC, tokens put around
    ///   a text.
    public init(path: String) throws {
        let path = try Self.file(path)
        let file = try TokenizerFile(path: path)
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

    private static func file(_ path: String) throws -> String {
        guard isFolder(path) == true else { return path }
        let file = "\(path)/tokenizer.json"
        guard isFolder(file) != nil else {
            throw PixNerdError(
                .notFound, "\(path)", found: "has no tokenizer.json",
                expected: "the directory of a text encoder as it is downloaded")
        }
        return file
    }

    /// The ids of a text's tokens, from 0 below `idLimit`, neither cut nor padded; none for an empty text.
    public func tokens(_ text: String) -> [Int] {
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

    /// The text that a token stands for, made readable: line breaks and other control characters are escaped as in
    /// Swift, and so are bytes that are a part of a character only, such as `\xE4`. Empty if no token has the id.
    public func spelling(of id: Int) -> String {
        var text = ""
        var rest = bytes(of: id)[...]
        while !rest.isEmpty {
            // The longest valid start; the standard library replaces what is not.
            var decoder = UTF8()
            var iterator = rest.makeIterator()
            if case .scalarValue(let scalar) = decoder.decode(&iterator) {
                text += Self.isPrinting(scalar) ? String(scalar) : scalar.escaped(asASCII: true)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                text += "\\x" + (rest.removeFirst()).hexadecimal
            }
        }
        return text
    }

    private static func isPrinting(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }

    /// The bytes of text that a token stands for.
    private func bytes(of id: Int) -> [UInt8] {
        guard let text = vocabulary.text(of: id) else { return [] }
        if addedIDs.contains(id) { return Array(text) }
        return ByteAlphabet.bytes(String(decoding: text, as: UTF8.self)) ?? Array(text)
    }

    /// A text as a row of tokens: cut at the right, and padded at the right.
    ///
    /// - Parameters:
    ///   - text: the text.
    ///   - length: the number of ids, at least 1; 128 in the published model.
    public func row(_ text: String, length: Int) -> TokenRow {
        precondition(length > 0, "Tokenizer.row: length \(length), expected at least 1")
        let ids = tokens(text)
        guard ids.count > length else {
            let rest = [Int](repeating: padding, count: length - ids.count)
            return TokenRow(ids: ids + rest, count: ids.count, fullCount: ids.count, lost: nil)
        }
        return TokenRow(
            ids: Array(ids[..<length]), count: length, fullCount: ids.count, lost: self.text(of: ids, from: length))
    }

    /// The text of the tokens from a place on. A character of which a part stands before that place is part of it.
    private func text(of ids: [Int], from start: Int) -> String {
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

/// A text as a row of token ids.
public struct TokenRow: Sendable, Equatable {
    /// The ids, of the length that was asked for.
    public let ids: [Int]
    /// The number of ids that are no padding; 0 for an empty text.
    public let count: Int
    /// The number of tokens of the whole text.
    public let fullCount: Int
    /// The text that was cut off; nil if all of it is in the row.
    public let lost: String?
}

extension UInt8 {
    fileprivate var hexadecimal: String { (self < 16 ? "0" : "") + String(self, radix: 16, uppercase: true) }
}
