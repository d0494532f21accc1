import Foundation
import PixNerdSupport

/// A `tokenizer_config.json`, which stands beside `tokenizer.json`.
enum TokenizerConfiguration {
    private static let usual = "<|endoftext|>"
    private static let largestFile = 64 << 20

    /// The id of the padding token.
    ///
    /// - Parameter path: the path of `tokenizer.json`.
    /// - Throws: `PixNerdError` if there is no such token, or if the configuration is broken or asks for tokens around
    ///   each text.
    static func padding(of file: TokenizerFile, path: String) throws -> Int {
        let beside = URL(fileURLWithPath: path).deletingLastPathComponent().path + "/tokenizer_config.json"
        let name = isFolder(beside) == nil ? nil : try padToken(beside)
        if let id = file.added.first(where: { $0.content.elementsEqual((name ?? usual).utf8) })?.id { return id }
        throw PixNerdError(
            .malformed, "\(path)", found: "has no added token '\(name ?? usual)', with which rows are filled up",
            advice: name == nil ? "name another one as pad_token in \(beside)" : "correct pad_token in \(beside)")
    }

    /// The text of the padding token; nil if the configuration has none.
    private static func padToken(_ path: String) throws -> String? {
        let file = try MappedFile(path: path, kind: "a tokenizer_config.json")
        let bytes = file.bytes.bindMemory(to: UInt8.self)
        guard bytes.count <= largestFile, (try? UTF8Span(validating: bytes.span)) != nil else {
            throw PixNerdError(.malformed, "\(path)", found: "is not UTF-8, or too large")
        }
        var scanner = JSONScanner(bytes, path: path)
        let configuration = try scanner.value()
        try scanner.finish()
        for key in ["add_prefix_space", "add_bos_token", "add_eos_token"] where configuration[key]?.bool == true {
            throw PixNerdError(
                .unsupported, "\(path)", found: "has \(key)", expected: "a tokenizer that adds nothing to a text")
        }
        guard let token = configuration["pad_token"] else { return nil }
        guard let text = token.text ?? token["content"]?.text else {
            throw PixNerdError(.malformed, "\(path)", found: "has a pad_token that is no text")
        }
        return text
    }
}
