import Foundation
import PixNerdSupport

/// A `spiece.model` as SentencePiece writes it: a Protocol Buffers message of pieces and settings.
enum SentencePieceFile {
    /// Numbers of the fields of the message, of a piece, of the normalizer and of the trainer's settings.
    private enum Field {
        static let (piece, trainer, normalizer): (UInt64, UInt64, UInt64) = (1, 2, 3)
        static let (text, score, kind): (UInt64, UInt64, UInt64) = (1, 2, 3)
        static let (map, prefix, extraSpaces, escapes): (UInt64, UInt64, UInt64, UInt64) = (2, 3, 4, 5)
        static let (model, suffix): (UInt64, UInt64) = (3, 24)
    }

    /// Bytes above which a file is refused. Published ones have up to 5 MB.
    private static let largestFile = 256 << 20

    private static let expected: ErrorText = "a Unigram with the rules of T5"

    /// Reads the pieces.
    ///
    /// - Throws: `PixNerdError` if the file is broken, or asks for what is not done here.
    static func pieces(path: String) throws -> UnigramPieces {
        let file = try MappedFile(path: path, kind: "a spiece.model")
        guard file.bytes.count <= largestFile else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has \(file.bytes.count) bytes",
                expected: "a spiece.model of at most \(largestFile >> 20) MB")
        }
        try file.checkLength()
        var pieces = UnigramPieces(path: path)
        var reader = ProtobufReader(file.bytes, path: path)
        while let field = try reader.next() {
            guard case .bytes(let message) = field.value else { continue }
            switch field.number {
            case Field.piece: try add(message, to: &pieces)
            case Field.trainer: try checkTrainer(message, path: path)
            case Field.normalizer: pieces.map = try normalizer(message, path: path)
            default: break
            }
        }
        guard !pieces.scores.isEmpty else { throw pieces.malformed("has no pieces", expected: "a spiece.model") }
        return pieces
    }

    private static func unsupported(_ path: String, _ part: ErrorText) -> PixNerdError {
        PixNerdError(.unsupported, "\(path)", found: part, expected: expected)
    }

    private static func add(_ message: UnsafeRawBufferPointer, to pieces: inout UnigramPieces) throws {
        var reader = ProtobufReader(message, path: pieces.path)
        var (text, score, kind): (UnsafeRawBufferPointer?, Float, UInt64) = (nil, 0, 1)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (Field.text, .bytes(let bytes)): text = bytes
            case (Field.score, .bytes(let bytes)) where bytes.count == 4:
                score = Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
            case (Field.kind, .number(let number)): kind = number
            default: break
            }
        }
        let id = pieces.scores.count
        switch kind {
        case 1, 3, 5: break
        case 2:
            guard pieces.unknown == nil else { throw pieces.malformed("has two pieces for what is unknown") }
            pieces.unknown = id
        case 4: throw unsupported(pieces.path, "has a piece that a user defined, with the id \(id)")
        case 6: throw unsupported(pieces.path, "has pieces of single bytes")
        default: throw pieces.malformed("has a piece of the unknown type \(kind)")
        }
        try pieces.add(text ?? UnsafeRawBufferPointer(start: nil, count: 0), score: Double(score), isUsable: kind == 1)
    }

    private static func checkTrainer(_ message: UnsafeRawBufferPointer, path: String) throws {
        var reader = ProtobufReader(message, path: path)
        while let field = try reader.next() {
            guard case .number(let value) = field.value else { continue }
            if field.number == Field.model, value != 1 {
                throw unsupported(path, "has a model of another type, \(value == 2 ? "BPE" : "\(value)")")
            }
            if field.number == Field.suffix, value != 0 { throw unsupported(path, "has spaces after words") }
        }
    }

    /// The map of characters of a normalizer.
    private static func normalizer(_ message: UnsafeRawBufferPointer, path: String) throws -> CharacterMap {
        var reader = ProtobufReader(message, path: path)
        var map = CharacterMap()
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (Field.map, .bytes(let bytes)): map = try CharacterMap(bytes, path: path)
            case (Field.prefix, .number(0)): throw unsupported(path, "puts no space before a text")
            case (Field.extraSpaces, .number(0)): throw unsupported(path, "keeps all spaces")
            case (Field.escapes, .number(0)): throw unsupported(path, "keeps spaces as they are")
            default: break
            }
        }
        return map
    }
}
