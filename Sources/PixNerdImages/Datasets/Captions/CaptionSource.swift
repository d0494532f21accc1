import PixNerdSupport

/// The texts that stand for one image, before anything is decided about them.
struct FoundCaption: Sendable {
    enum Source: Sendable, Equatable {
        /// A file of its own beside the image.
        case textFile
        /// A row of a table, or JSON.
        case data
    }

    /// What keeps a text from being a caption.
    enum Problem: Sendable, Equatable {
        /// No UTF-8 text; with the name of the file.
        case notUTF8(file: String)
        /// Two files that both could hold it.
        case ambiguous(String)
        /// A file that cannot be read.
        case unreadable(String)
    }

    var texts: [String] = []
    var source: Source?
    var problem: Problem?
}

/// A file that holds a single caption.
enum CaptionFile {
    /// The bytes that a text file may have. No text encoder takes a thousandth of it.
    static let mostBytes = 1 << 20

    /// The extensions of such files.
    static let extensions = ["txt", "caption"]

    /// Reads a caption.
    static func read(_ path: String, of tree: PictureTree, _ options: CaptionOptions) -> FoundCaption {
        do {
            return caption(try tree.bytes(ofFile: path, most: mostBytes), name: path, options)
        } catch {
            return FoundCaption(source: .textFile, problem: .unreadable(clause(error)))
        }
    }

    /// The caption that a file's bytes stand for: all of them, without a byte-order mark at the beginning.
    static func caption(_ bytes: [UInt8], name: String, _ options: CaptionOptions) -> FoundCaption {
        var rest = bytes[...]
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
        if !options.keepsNewline, rest.last == UInt8(ascii: "\n") {
            rest.removeLast()
            if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        }
        guard let text = String(validating: rest, as: UTF8.self) else {
            return FoundCaption(source: .textFile, problem: .notUTF8(file: name))
        }
        return FoundCaption(texts: [text], source: .textFile)
    }
}
