import PixNerdSupport

/// Unigram segmentation (Kudo, arXiv 1804.10959) with the rules of T5: of all ways to split a text into pieces, the one
/// with the largest sum of scores.
///
/// Characters are replaced first; then U+2581 stands for the spaces between words, and before the first. What no piece
/// fits becomes one id, however long it is. The end of a text has an id. Special tokens such as `</s>` in a text are text.
struct UnigramTokenizer: TokenizerModel {
    let padding: Int
    let end: Int?
    let idLimit: Int
    let fingerprint: String

    private let vocabulary: Vocabulary
    private let scores: [Double]
    private let trie: PieceTrie
    private let map: CharacterMap
    private let unknown: Int
    private let unknownScore: Double

    /// What stands for a space: U+2581 as UTF-8.
    private static let space: [UInt8] = [0xe2, 0x96, 0x81]

    /// - Throws: `PixNerdError` if a piece is there twice, or one is missing that T5 needs.
    init(_ pieces: UnigramPieces) throws {
        func special(_ text: String) throws -> Int {
            if let id = pieces.id(of: text) { return id }
            throw pieces.malformed("has no piece \(text)", expected: "the tokenizer of a T5")
        }
        guard let unknown = pieces.unknown else {
            throw pieces.malformed("has no piece for what is unknown", expected: "the tokenizer of a T5, with <unk>")
        }
        (padding, end) = (try special("<pad>"), try special("</s>"))
        let sorted = try pieces.sorted()
        trie = PieceTrie(sorted)
        // Far below all others, so that it is taken only where nothing else fits.
        unknownScore = (sorted.map { pieces.scores[$0.id] }.min() ?? 0) - 10
        (vocabulary, scores, map, self.unknown) = (pieces.vocabulary, pieces.scores, pieces.map, unknown)
        idLimit = pieces.idLimit
        var hash = Fingerprint()
        for piece in sorted {
            piece.text.withUnsafeBytes { hash.add($0) }
            hash.add(" \(piece.id) \(Float(pieces.scores[piece.id]))")
        }
        hash.add("\(unknown) \(padding) \(end ?? 0)")
        map.add(to: &hash)
        fingerprint = hash.text
    }

    /// A piece of a text.
    private struct Piece {
        let id: Int
        /// Where it ends in the text with its characters replaced.
        let end: Int
    }

    func tokens(_ text: String) -> [Int] { segmented(normalized(text)).map(\.id) + [end].compactMap { $0 } }

    func bytes(of id: Int) -> [UInt8] { vocabulary.text(of: id).map { Self.withSpaces(Array($0)) } ?? [] }

    func lost(of text: String, ids: [Int], from start: Int) -> String {
        let text = normalized(text)
        let pieces = segmented(text)
        // The last place of the row is that of the end.
        let kept = min(max(start - 1, 0), pieces.count)
        let place = kept == 0 ? 0 : pieces[kept - 1].end
        return String(decoding: Self.withSpaces(Array(text[place...])), as: UTF8.self)
    }

    /// Bytes with spaces in place of what stands for them.
    private static func withSpaces(_ bytes: [UInt8]) -> [UInt8] {
        var (out, place) = ([UInt8](), 0)
        while place < bytes.count {
            let isSpace = bytes[place...].starts(with: space)
            out.append(isSpace ? 0x20 : bytes[place])
            place += isSpace ? space.count : 1
        }
        return out
    }

    /// A text with its characters replaced, and U+2581 before each word instead of spaces.
    private func normalized(_ text: String) -> [UInt8] {
        var out: [UInt8] = []
        for word in map.replaced(text).split(separator: 0x20) {
            out += Self.space
            out += word
        }
        return out
    }

    private func segmented(_ text: [UInt8]) -> [Piece] {
        /// The best way to a place: its score, the last piece, and where this begins.
        var best = [(score: Double, id: Int32, start: Int)](repeating: (0, -1, 0), count: text.count + 1)
        text.withUnsafeBufferPointer { text in
            for start in 0..<text.count where start == 0 || best[start].id >= 0 {
                let score = best[start].score
                let width = min(UTF8Width.ofCharacter(text[start]), text.count - start)
                var hasCharacter = false
                func offer(_ count: Int, _ id: Int, _ score: Double) {
                    guard best[start + count].id < 0 || score > best[start + count].score else { return }
                    best[start + count] = (score, Int32(id), start)
                }
                trie.forEachPiece(of: text, at: start) { count, id in
                    if count == width { hasCharacter = true }
                    offer(count, id, score + scores[id])
                }
                if !hasCharacter { offer(width, unknown, score + unknownScore) }
            }
        }
        var (pieces, place) = ([Piece](), text.count)
        while place > 0 {
            let id = Int(best[place].id)
            // Of a run of unknown ones the last is kept, which is met first.
            if id != unknown || pieces.last?.id != unknown { pieces.append(Piece(id: id, end: place)) }
            place = best[place].start
        }
        return pieces.reversed()
    }
}
