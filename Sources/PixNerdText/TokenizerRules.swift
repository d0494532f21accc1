import PixNerdSupport

/// What a `tokenizer.json` may ask for.
enum TokenizerRules {
    /// Number of tokens, and of merges, above which a file is refused. Published ones have up to 300,000.
    static let largestCount = 1 << 22

    private static let expected: ErrorText = "a byte-level BPE with the rules of Qwen2 and Qwen3"

    static func unsupported(_ path: String, _ part: String) -> PixNerdError {
        PixNerdError(.unsupported, "\(path)", found: "has \(part)", expected: expected)
    }

    /// A token for an error.
    static func shown(_ text: ArraySlice<UInt8>) -> String { "'\(String(decoding: text.prefix(80), as: UTF8.self))'" }

    /// An id, if it is one.
    static func id(_ id: Int, of text: [UInt8], path: String) throws -> Int {
        guard id < largestCount else {
            throw PixNerdError(
                .malformed, "\(path)", found: "gives the id \(id) to the token \(shown(text[...]))",
                expected: "an id below \(largestCount)")
        }
        return id
    }

    /// Checks all parts but vocabulary, merges and added tokens. `truncation` and `padding` are settings of the last
    /// call that somebody made, and `decoder` is for text from tokens; they do not matter here.
    static func check(_ settings: [String: JSONValue], path: String) throws {
        let file = JSONValue.object(settings)
        if let version = file["version"], version != .string("1.0") {
            throw unsupported(path, "another version of its format than 1.0")
        }
        if let normalizer = file["normalizer"], normalizer.type != "NFC" {
            throw unsupported(path, "a normalizer of type \(normalizer.type ?? "unknown")")
        }
        if let processor = file["post_processor"], processor.type != "ByteLevel" {
            throw unsupported(path, "a post-processor of type \(processor.type ?? "unknown")")
        }
        try checkSplitting(file["pre_tokenizer"], path: path)
        try checkModel(file["model"], path: path)
    }

    private static func checkSplitting(_ splitting: JSONValue?, path: String) throws {
        guard let splitting else { throw unsupported(path, "no pre-tokenizer") }
        guard splitting.type == "Sequence", let parts = splitting["pretokenizers"]?.elements, parts.count == 2,
            parts[0].type == "Split", parts[1].type == "ByteLevel"
        else { throw unsupported(path, "a pre-tokenizer of type \(splitting.type ?? "unknown") with other parts") }
        guard let pattern = parts[0]["pattern"]?["Regex"]?.text, pattern.utf8.elementsEqual(Pieces.pattern.utf8) else {
            throw unsupported(path, "a pre-tokenizer that splits text by another pattern")
        }
        guard parts[0]["behavior"]?.text == "Isolated", parts[0]["invert"]?.bool ?? false == false else {
            throw unsupported(path, "a pre-tokenizer that drops or joins what its pattern finds")
        }
        // Both are true where they are missing.
        guard parts[1]["add_prefix_space"]?.bool == false else {
            throw unsupported(path, "a pre-tokenizer that puts a space before each text")
        }
        guard parts[1]["use_regex"]?.bool == false else {
            throw unsupported(path, "a pre-tokenizer that splits text by GPT-2's pattern too")
        }
    }

    private static func checkModel(_ model: JSONValue?, path: String) throws {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = model?[key], affix != .string("") { throw unsupported(path, "a model with \(key)") }
        }
        if let dropout = model?["dropout"] {
            guard case .number(let rate) = dropout, Double(rate) == 0 else {
                throw unsupported(path, "a model that leaves out merges at random")
            }
        }
        if let ignores = model?["ignore_merges"], ignores != .bool(false) {
            throw unsupported(path, "a model that ignores merges for whole words")
        }
    }

    /// An entry of `added_tokens`.
    static func addedToken(_ entry: JSONValue, path: String) throws -> AddedToken {
        guard let text = entry["content"]?.text, !text.isEmpty, let id = entry["id"]?.count else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has an added token without content or id",
                expected: "a text and a whole number")
        }
        let content = Array(text.utf8)
        for key in ["lstrip", "rstrip", "single_word"] where entry[key] ?? .bool(false) != .bool(false) {
            throw unsupported(path, "the added token \(shown(content[...])) with \(key)")
        }
        let isNormalized = entry["normalized"]?.bool ?? (entry["special"]?.bool != true)
        return AddedToken(content: content, id: try self.id(id, of: content, path: path), isNormalized: isNormalized)
    }
}
