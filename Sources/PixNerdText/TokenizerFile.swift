import Foundation
import PixNerdSupport

/// What `tokenizer.json` holds, checked.
struct TokenizerFile {
    let tokens: Vocabulary
    let merges: Merges
    let added: [AddedToken]
    /// Whether text is composed (NFC) first.
    let composes: Bool
    let fingerprint: String
    /// The pieces of a Unigram; nil for a BPE, which the other properties are of.
    let pieces: UnigramPieces?

    /// Bytes above which a file is refused. Published ones have up to 40 MB.
    private static let largestFile = 256 << 20

    /// - Parameter path: the file.
    /// - Throws: `PixNerdError` for files that are broken, and for those that ask for something that is not done here.
    init(path: String) throws {
        let file = try MappedFile(path: path, kind: "a tokenizer.json")
        guard file.bytes.count <= Self.largestFile else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has \(file.bytes.count) bytes",
                expected: "a tokenizer.json of at most \(Self.largestFile >> 20) MB")
        }
        let bytes = file.bytes.bindMemory(to: UInt8.self)
        guard (try? UTF8Span(validating: bytes.span)) != nil else {
            throw PixNerdError(.malformed, "\(path)", found: "is not UTF-8", expected: "a tokenizer.json")
        }
        var reader = Reader(path: path)
        try reader.read(JSONScanner(bytes, path: path))
        if var pieces = try reader.unigram() {
            try UnigramRules.complete(&pieces, by: reader.settings, path: path)
            self.pieces = pieces
            (added, tokens, merges, composes, fingerprint) = ([], Vocabulary(), reader.merges, false, "")
            return
        }
        pieces = nil
        try TokenizerRules.check(reader.settings, path: path)
        composes = reader.settings["normalizer"]?.type != nil
        (added, tokens) = try reader.addedTokens()
        merges = reader.merges
        var fingerprint = Fingerprint()
        try file.add(to: &fingerprint)
        self.fingerprint = fingerprint.text
    }
}

/// The parts of a file as they are met.
private struct Reader {
    let path: String
    /// All but the vocabulary and the merges; the model's own settings stand under `model`.
    var settings: [String: JSONValue] = [:]
    private(set) var merges = Merges(bytes: [Int](repeating: 0, count: 256))
    private var model: [String: JSONValue] = [:]
    private var ids: TokenIDs?
    /// A vocabulary that is a list, as that of a Unigram.
    private var pieces: UnigramPieces?
    private var hasMerges = false

    init(path: String) { self.path = path }

    mutating func read(_ scanner: consuming JSONScanner) throws {
        /// A list of merges that comes before the vocabulary, which it cannot be read without.
        var early: JSONScanner?
        try scanner.object { scanner, key in
            if key == "model", scanner.isNext("{") {
                guard ids == nil, pieces == nil, model.isEmpty else { throw scanner.broken("has a second model") }
                try scanner.object { try readModel(&$0, key: $1, early: &early) }
            } else if settings.updateValue(try scanner.value(), forKey: key) != nil {
                throw scanner.broken("has '\(key)' twice")
            }
        }
        try scanner.finish()
        settings["model"] = .object(model)
        if var early { try readMerges(&early) }
        guard ids != nil && hasMerges || pieces != nil else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has no model with vocab and merges",
                expected: "the tokenizer.json of a byte-level BPE or of a Unigram")
        }
    }

    /// The pieces of a Unigram; nil if the file is a BPE.
    func unigram() throws -> UnigramPieces? {
        guard model["type"] == .string("Unigram") else {
            if pieces != nil { throw TokenizerRules.unsupported(path, "a vocabulary that is no table") }
            return nil
        }
        guard let pieces else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has a Unigram whose vocabulary is no list",
                expected: "the tokenizer.json of a T5")
        }
        return pieces
    }

    private mutating func readModel(_ scanner: inout JSONScanner, key: String, early: inout JSONScanner?) throws {
        switch key {
        case "vocab":
            guard ids == nil, pieces == nil else { throw scanner.broken("has two vocabularies") }
            guard !scanner.isNext("[") else { return try readPieces(&scanner) }
            guard scanner.isNext("{") else { throw TokenizerRules.unsupported(path, "a vocabulary that is no table") }
            try readVocabulary(&scanner)
        case "merges":
            guard !hasMerges, early == nil else { throw scanner.broken("has two lists of merges") }
            if ids != nil { return try readMerges(&scanner) }
            early = scanner
            var pair: [UInt8] = []
            try scanner.array { _ = try Self.readPair(&$0, into: &pair) }
        default:
            let value = try scanner.value()
            if key == "type", value.text != "BPE", value.text != "Unigram" {
                throw TokenizerRules.unsupported(path, "a model of type \(value.text ?? "unknown")")
            }
            guard model.updateValue(value, forKey: key) == nil else { throw scanner.broken("has '\(key)' twice") }
        }
    }

    private mutating func readVocabulary(_ scanner: inout JSONScanner) throws {
        var ids = TokenIDs()
        try scanner.entries { scanner, text in
            let id = try TokenizerRules.id(scanner.count(), of: text, path: path)
            try Self.expectNew(ids.add(text, id: id), text, id, path: path)
        }
        merges = Merges(
            bytes: try ByteAlphabet.characters.map { character in
                if let id = ids[Array(UTF8.encode(character)!)[...]] { return id }
                throw PixNerdError(
                    .unsupported, "\(path)", found: "has no token '\(character)' in its vocabulary",
                    expected: "tokens of all 256 bytes, as byte-level BPE has them")
            })
        self.ids = ids
    }

    private mutating func readPieces(_ scanner: inout JSONScanner) throws {
        var (pieces, text) = (UnigramPieces(path: path), [UInt8]())
        try scanner.array { scanner in
            var (place, score) = (0, 0.0)
            text.removeAll(keepingCapacity: true)
            try scanner.array { scanner in
                if place == 0 { try scanner.string(into: &text) } else { score = try scanner.number() }
                place += 1
            }
            guard place == 2 else { throw scanner.broken("has a piece that is no text with a score") }
            try pieces.add(text, score: score, isUsable: true)
        }
        self.pieces = pieces
    }

    private mutating func readMerges(_ scanner: inout JSONScanner) throws {
        guard let ids else { return }
        var (rank, text) = (0, [UInt8]())
        try scanner.array { scanner in
            guard let middle = try Self.readPair(&scanner, into: &text) else { return }
            guard let left = ids[text[..<middle]], let right = ids[text[middle...]], let result = ids[text[...]] else {
                let (left, right) = (TokenizerRules.shown(text[..<middle]), TokenizerRules.shown(text[middle...]))
                throw scanner.broken("merges \(left) and \(right), and these or the result are no tokens")
            }
            guard rank < TokenizerRules.largestCount else { throw scanner.broken("has too many merges") }
            merges.add(left, right, result: result, rank: rank)
            rank += 1
        }
        hasMerges = true
    }

    /// Reads a merge: two texts, or one with a space between them.
    ///
    /// - Parameter text: becomes both texts, one behind the other.
    /// - Returns: where the second begins; nil for a line that tells the version, as old files have it.
    private static func readPair(_ scanner: inout JSONScanner, into text: inout [UInt8]) throws -> Int? {
        text.removeAll(keepingCapacity: true)
        guard scanner.isNext("[") else {
            try scanner.string(into: &text)
            if text.starts(with: "#version".utf8) { return nil }
            guard let space = text.firstIndex(of: 0x20), text.lastIndex(of: 0x20) == space else {
                throw scanner.broken("has a merge that is no pair of tokens")
            }
            text.remove(at: space)
            return space
        }
        var (count, middle) = (0, 0)
        try scanner.array { scanner in
            middle = count == 1 ? text.count : middle
            count += 1
            try scanner.string(into: &text)
        }
        guard count == 2 else { throw scanner.broken("has a merge that is no pair of tokens") }
        return middle
    }

    private static func expectNew(_ addition: TokenIDs.Addition, _ text: [UInt8], _ id: Int, path: String) throws {
        switch addition {
        case .added: return
        case .hasText:
            throw PixNerdError(.malformed, "\(path)", found: "has the token \(TokenizerRules.shown(text[...])) twice")
        case .hasID:
            throw PixNerdError(.malformed, "\(path)", found: "gives the id \(id) to two tokens")
        }
    }

    /// The added tokens, and the vocabulary with them.
    func addedTokens() throws -> (added: [AddedToken], all: Vocabulary) {
        var ids = ids ?? TokenIDs()
        guard let list = settings["added_tokens"], list != .null else { return ([], ids.tokens) }
        guard let entries = list.elements else {
            throw PixNerdError(.malformed, "\(path)", found: "has added_tokens that are no list")
        }
        let added = try entries.map { try TokenizerRules.addedToken($0, path: path) }
        var known = Set<Int>()
        for token in added {
            guard known.insert(token.id).inserted else {
                throw PixNerdError(.malformed, "\(path)", found: "gives the id \(token.id) to two tokens")
            }
            // Some files have them in the vocabulary too.
            if ids[token.content[...]] == token.id { continue }
            try Self.expectNew(ids.add(token.content, id: token.id), token.content, token.id, path: path)
        }
        return (added, ids.tokens)
    }
}
