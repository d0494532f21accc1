import Foundation
import PixNerdSupport

/// What a `tokenizer.json` with a Unigram may ask for: the rules of T5.
enum UnigramRules {
    private static let space = "\u{2581}"

    private static func unsupported(_ path: String, _ part: String) -> PixNerdError {
        PixNerdError(.unsupported, "\(path)", found: "has \(part)", expected: "a Unigram with the rules of T5")
    }

    /// Completes the pieces of a file by its other settings, and checks these. `truncation`, `padding` and `decoder` do
    /// not matter here.
    ///
    /// - Throws: `PixNerdError` if the file asks for what is not done here, or its map of characters is broken.
    static func complete(_ pieces: inout UnigramPieces, by settings: [String: JSONValue], path: String) throws {
        let file = JSONValue.object(settings)
        if let version = file["version"], version != .string("1.0") {
            throw unsupported(path, "another version of its format than 1.0")
        }
        if file["model"]?["byte_fallback"]?.bool == true { throw unsupported(path, "pieces of single bytes") }
        guard let unknown = file["model"]?["unk_id"]?.count, unknown < pieces.scores.count else {
            throw pieces.malformed(
                "has no unk_id that is the id of a piece", expected: "the tokenizer.json of a T5, with <unk>")
        }
        pieces.unknown = unknown
        pieces.map = try map(file["normalizer"], path: path)
        try checkSplitting(file["pre_tokenizer"], path: path)
        try checkEnd(file["post_processor"], path: path)
        try exclude(file["added_tokens"], from: &pieces)
    }

    /// The map of characters of a normalizer, of whose other parts only those are known that merge spaces.
    private static func map(_ normalizer: JSONValue?, path: String) throws -> CharacterMap {
        guard let normalizer else { return CharacterMap() }
        var map = CharacterMap()
        let parts = normalizer.type == "Sequence" ? normalizer["normalizers"]?.elements ?? [] : [normalizer]
        for part in parts {
            switch part.type {
            case "Precompiled":
                // Some files have null for a map that changes nothing.
                guard let text = part["precompiled_charsmap"]?.text else { continue }
                guard let blob = Data(base64Encoded: text) else {
                    throw PixNerdError(
                        .malformed, "\(path)", found: "has a precompiled_charsmap that is not base64",
                        expected: "the tokenizer.json of a T5")
                }
                map = try blob.withUnsafeBytes { try CharacterMap($0, path: path) }
            case "Strip": continue
            case "Replace" where part["pattern"]?["Regex"]?.text == " {2,}": continue
            default: throw unsupported(path, "a normalizer of type \(part.type ?? "unknown")")
            }
        }
        return map
    }

    private static func checkSplitting(_ splitting: JSONValue?, path: String) throws {
        guard let splitting else { throw unsupported(path, "no pre-tokenizer") }
        let parts = splitting.type == "Sequence" ? splitting["pretokenizers"]?.elements ?? [] : [splitting]
        guard parts.last?.type == "Metaspace", parts.dropLast().allSatisfy({ $0.type == "WhitespaceSplit" }) else {
            throw unsupported(path, "a pre-tokenizer of type \(splitting.type ?? "unknown") with other parts")
        }
        let last = parts[parts.count - 1]
        guard last["replacement"]?.text == space else {
            throw unsupported(path, "a pre-tokenizer that puts another character than U+2581 for spaces")
        }
        guard last["prepend_scheme"]?.text != "never", last["add_prefix_space"]?.bool != false else {
            throw unsupported(path, "a pre-tokenizer that puts no space before a text")
        }
    }

    /// Checks that only `</s>` is put behind a text; where nothing is said, it is put there too.
    private static func checkEnd(_ processor: JSONValue?, path: String) throws {
        guard let processor else { return }
        guard processor.type == "TemplateProcessing", let single = processor["single"]?.elements, single.count == 2,
            single[0]["Sequence"] != nil, single[1]["SpecialToken"]?["id"]?.text == "</s>"
        else { throw unsupported(path, "a post-processor that puts something else than </s> around a text") }
    }

    /// Takes the special tokens out of the pieces that texts become.
    private static func exclude(_ added: JSONValue?, from pieces: inout UnigramPieces) throws {
        guard let added, added != .null else { return }
        guard let entries = added.elements else { throw pieces.malformed("has added_tokens that are no list") }
        for entry in entries {
            guard let text = entry["content"]?.text, let id = entry["id"]?.count else {
                throw pieces.malformed(
                    "has an added token without content or id", expected: "a text and a whole number")
            }
            let known = try TokenizerRules.id(id, of: Array(text.utf8), path: pieces.path)
            pieces.idLimit = max(pieces.idLimit, known + 1)
            guard pieces.vocabulary.text(of: known)?.elementsEqual(text.utf8) != false else {
                throw pieces.malformed("gives the id \(id) to two tokens")
            }
            if entry["special"]?.bool == true { pieces.exclude(known) }
        }
    }
}
