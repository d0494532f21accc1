import PixNerdSupport

/// Where the captions of a collection's images come from, and how they are read.
///
/// Without a template, captions are texts beside the images:
///
/// - `a.txt` or `a.caption` beside `a.png`, in any folder below the root; the whole file is one caption.
/// - `metadata.jsonl` or `metadata.csv` in the folder of the images or above it, with the paths of images relative to it
///   in `file_name`, as in ImageFolder of Hugging Face's datasets. Several rows for an image are several captions.
/// - `.txt` and `.json` in WebDataset shards, beside the image of the same sample.
///
/// A text file goes before metadata and JSON, unless a key is given, which asks for these first. A list in JSON stands
/// for several captions of which one is drawn each time that the image is read.
public struct CaptionOptions: Sendable, Equatable, Codable {
    /// The key of captions in JSON, or the column of a table; nil for the one of `usualKeys` that is there.
    public var key: String?
    /// A text with `{}` in the place of the class's name, such as "a photo of a {}", for folders with one folder of
    /// images per class; nil if the images have captions of their own.
    public var template: String?
    /// Whether the line break at the end of a text file is part of the caption, as in the published training code.
    /// Otherwise one is removed. Captions from JSON and tables stay as they are.
    public var keepsNewline: Bool
    /// Whether images without a caption are left out; otherwise they are refused.
    public var skipsUncaptioned: Bool

    /// The keys that captions usually have.
    public static let usualKeys = ["text", "caption", "captions", "prompt"]

    public init(
        key: String? = nil, template: String? = nil, keepsNewline: Bool = false, skipsUncaptioned: Bool = false
    ) {
        self.key = key
        self.template = template
        self.keepsNewline = keepsNewline
        self.skipsUncaptioned = skipsUncaptioned
    }

    /// The keys under which captions are looked for.
    var keys: [String] { key.map { [$0] } ?? Self.usualKeys }

    /// Checks that the options make sense.
    ///
    /// - Throws: `PixNerdError` if the key is empty, if the template has no place for a class or more than one, or if
    ///   both are given.
    public func validate() throws {
        if let key, key.isEmpty {
            throw PixNerdError(
                .invalidValue, "\(Setting.captionKey)", found: "is empty",
                expected: "the key of captions in JSON or the column of a table")
        }
        guard let template else { return }
        guard template.firstRange(of: "{}") != nil, parts.count == 2 else {
            throw PixNerdError(
                .invalidValue, "\(Setting.captionTemplate)", found: "is '\(template)'",
                expected: "a text with one {} for the name of the class, such as 'a photo of a {}'")
        }
        guard key == nil else {
            throw PixNerdError(
                .invalidValue, "\(Setting.captionTemplate)",
                found: "makes captions from the names of classes, but \(Setting.captionKey) asks for texts",
                expected: "one of the two")
        }
    }

    /// The captions of a class's images that the template makes.
    func caption(ofClass name: String) -> String { parts.joined(separator: name) }

    /// The template around its places for a class.
    private var parts: [String] {
        var parts: [String] = []
        var rest = (template ?? "")[...]
        while let place = rest.firstRange(of: "{}") {
            parts.append(String(rest[..<place.lowerBound]))
            rest = rest[place.upperBound...]
        }
        return parts + [String(rest)]
    }
}
