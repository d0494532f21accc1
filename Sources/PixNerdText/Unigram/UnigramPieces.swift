import PixNerdSupport

/// The pieces of a Unigram tokenizer as a file has them, checked.
struct UnigramPieces {
    /// The pieces by their ids, with those that no text becomes.
    private(set) var vocabulary = Vocabulary()
    /// The logarithm of each piece's probability, by its id.
    private(set) var scores: [Double] = []
    /// Whether a text may become a piece, by its id.
    private var isUsable: [Bool] = []
    /// The replacements of characters.
    var map = CharacterMap()
    /// The id of what no piece fits; nil until it is known.
    var unknown: Int?
    /// One more than the largest id.
    var idLimit = 0

    let path: String

    /// Bytes of a piece above which a file is refused. Published ones have up to 48.
    private static let longestPiece = 1024

    init(path: String) { self.path = path }

    /// Adds a piece, whose id is the number of those before it.
    ///
    /// - Throws: `PixNerdError` if it is not UTF-8, too long, one too many, or has no finite score.
    mutating func add(_ text: some Collection<UInt8>, score: Double, isUsable: Bool) throws {
        let id = scores.count
        guard id < TokenizerRules.largestCount else { throw malformed("has too many pieces") }
        guard text.count <= Self.longestPiece, !text.isEmpty, String(validating: text, as: UTF8.self) != nil else {
            throw malformed(
                "has a piece of \(text.count) bytes with the id \(id)",
                expected: "1 to \(Self.longestPiece) bytes of UTF-8")
        }
        guard score.isFinite else { throw malformed("gives the piece of the id \(id) the score \(score)") }
        _ = vocabulary.add(text, id: id)
        scores.append(score)
        self.isUsable.append(isUsable)
        idLimit = max(idLimit, id + 1)
    }

    /// Makes a piece one that no text becomes.
    mutating func exclude(_ id: Int) { if isUsable.indices.contains(id) { isUsable[id] = false } }

    /// The id of a piece; nil if there is none.
    func id(of text: String) -> Int? {
        scores.indices.first { vocabulary.text(of: $0)?.elementsEqual(text.utf8) == true }
    }

    /// The pieces that texts become, in the order of their bytes.
    ///
    /// - Throws: `PixNerdError` if there are none, or one is there twice.
    func sorted() throws -> [(text: ArraySlice<UInt8>, id: Int)] {
        var pieces: [(text: ArraySlice<UInt8>, id: Int)] = []
        for id in scores.indices where isUsable[id] && id != unknown {
            guard let text = vocabulary.text(of: id) else { continue }
            pieces.append((text, id))
        }
        pieces.sort { $0.text.lexicographicallyPrecedes($1.text) }
        guard !pieces.isEmpty else { throw malformed("has no pieces that a text can become") }
        for (one, next) in zip(pieces, pieces.dropFirst()) where one.text.elementsEqual(next.text) {
            throw malformed("has the piece \(TokenizerRules.shown(one.text)) twice")
        }
        return pieces
    }

    /// An error about the file.
    func malformed(_ found: ErrorText, expected: ErrorText? = nil) -> PixNerdError {
        PixNerdError(.malformed, "\(path)", found: found, expected: expected)
    }
}
