import Foundation
import PixNerdSupport

/// Where the files of a tokenizer are.
enum TokenizerPlace {
    private static let names = ["tokenizer.json", "spiece.model"]

    /// The file of a tokenizer.
    ///
    /// - Parameter path: the file, its directory, a pipeline with a `tokenizer` directory, or a `text_encoder` beside one.
    /// - Throws: `PixNerdError` if there is none.
    static func file(_ path: String) throws -> String {
        guard isFolder(path) == true else { return path }
        for folder in folders(path) {
            if let name = names.first(where: { isFolder("\(folder)/\($0)") == false }) { return "\(folder)/\(name)" }
        }
        throw PixNerdError(
            .notFound, "\(path)", found: "has no tokenizer.json and no spiece.model",
            expected: "the directory of a text encoder as it is downloaded, or of a pipeline with it and its tokenizer")
    }

    /// The directories that may hold the files, the likeliest first.
    private static func folders(_ path: String) -> [String] {
        let whole = URL(fileURLWithPath: path).standardizedFileURL
        let name = whole.lastPathComponent
        var folders = [path, "\(path)/tokenizer"]
        // text_encoder_2 belongs to tokenizer_2.
        if name.hasPrefix("text_encoder") {
            let parent = whole.deletingLastPathComponent().path
            folders.append("\(parent)/tokenizer\(name.dropFirst("text_encoder".count))")
        }
        return folders
    }

    /// Whether a file is one of SentencePiece.
    static func isSentencePiece(_ path: String) -> Bool { path.hasSuffix(".model") }
}
