import PixNerdSupport

/// The tokenizer of a text encoder: byte-level BPE with the rules of Qwen2 and Qwen3, or Unigram with those of T5.
///
/// No template is put around a text. With Unigram the id of `</s>` follows its last token; with BPE nothing does. Copies
/// may be used on any thread.
public struct Tokenizer: Sendable {
    private let model: any TokenizerModel

    /// Reads a tokenizer.
    ///
    /// - Parameter path: a directory with `tokenizer.json` or `spiece.model`, as it is downloaded; that of a pipeline or of
    ///   its text encoder, beside which they are; or the file itself.
    /// - Throws: `PixNerdError` if there is no such file, if it is broken, or if it asks for something that is not done
    ///   here: other models, other rules of splitting, other normalizers, other tokens put around a text.
    public init(path: String) throws {
        let path = try TokenizerPlace.file(path)
        guard !TokenizerPlace.isSentencePiece(path) else {
            model = try UnigramTokenizer(SentencePieceFile.pieces(path: path))
            return
        }
        let file = try TokenizerFile(path: path)
        model = try file.pieces.map { try UnigramTokenizer($0) } ?? BytePairTokenizer(file, path: path)
    }

    /// The id of the token that fills up rows: `<pad>` of a Unigram; of BPE `pad_token` of a `tokenizer_config.json`
    /// beside the file, otherwise `<|endoftext|>`.
    public var padding: Int { model.padding }

    /// The id that follows the last token of each text; nil if none does.
    public var end: Int? { model.end }

    /// One more than the largest id; at most 4,194,304. An encoder needs at least as many rows of embeddings.
    public var idLimit: Int { model.idLimit }

    /// A hash that identifies the tokenizer: of the bytes of a BPE's `tokenizer.json`, or of a Unigram's pieces, which are
    /// the same in both of its files.
    public var fingerprint: String { model.fingerprint }

    /// The ids of a text's tokens, from 0 below `idLimit`, with the one of its end, neither cut nor padded.
    public func tokens(_ text: String) -> [Int] { model.tokens(text) }

    /// The text that a token stands for, made readable: line breaks and other control characters are escaped as in
    /// Swift, and so are bytes that are a part of a character only, such as `\xE4`. Empty if no token has the id.
    public func spelling(of id: Int) -> String {
        var text = ""
        var rest = model.bytes(of: id)[...]
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

    /// A text as a row of tokens: cut at the right, before the id of its end, and padded at the right.
    ///
    /// - Parameters:
    ///   - text: the text.
    ///   - length: the number of ids, at least 1.
    public func row(_ text: String, length: Int) -> TokenRow {
        precondition(length > 0, "Tokenizer.row: length \(length), expected at least 1")
        let ids = tokens(text)
        guard ids.count > length else {
            let rest = [Int](repeating: padding, count: length - ids.count)
            return TokenRow(ids: ids + rest, count: ids.count, fullCount: ids.count, lost: nil)
        }
        let kept = end.map { ids[..<(length - 1)] + [$0] } ?? ids[..<length]
        return TokenRow(
            ids: Array(kept), count: length, fullCount: ids.count,
            lost: model.lost(of: text, ids: ids, from: length))
    }
}

/// A kind of tokenizer.
protocol TokenizerModel: Sendable {
    var padding: Int { get }
    /// The id that follows the last token of each text; nil if none does.
    var end: Int? { get }
    var idLimit: Int { get }
    var fingerprint: String { get }

    /// The ids of a text's tokens, with the one of its end.
    func tokens(_ text: String) -> [Int]

    /// The bytes of text that a token stands for; none if no token has the id.
    func bytes(of id: Int) -> [UInt8]

    /// The text that a row of `start` ids has no room for.
    ///
    /// - Parameter ids: all ids of the text, more than `start`.
    func lost(of text: String, ids: [Int], from start: Int) -> String
}

/// A text as a row of token ids.
public struct TokenRow: Sendable, Equatable {
    /// The ids, of the length that was asked for.
    public let ids: [Int]
    /// The number of ids that are no padding; for an empty text 0, or 1 where the end of a text has an id.
    public let count: Int
    /// The number of ids of the whole text.
    public let fullCount: Int
    /// The text that was cut off; nil if all of it is in the row.
    public let lost: String?
}

extension UInt8 {
    fileprivate var hexadecimal: String { (self < 16 ? "0" : "") + String(self, radix: 16, uppercase: true) }
}
