import PixNerdSupport

/// Where the classes of images come from.
public struct LabelOptions: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        /// A `dataset.json` or a `metadata.jsonl` or `metadata.csv` with labels at the root, if there is one. Else the
        /// folders below the root, or a single class if there are none.
        case found
        /// A table or list of labels, by its path relative to the root.
        case file(String)
        /// The folders below the root, whatever files of labels there are.
        case folders
        /// A single class for all images.
        case oneClass
    }

    public var source: Source
    /// The column of labels in a table, or their key in JSON; nil for the usual one, `label`.
    public var key: String?

    /// The words for sources that are no files, in configurations and options.
    public static let words = ["folders", "none"]

    public init(source: Source = .found, key: String? = nil) {
        self.source = source
        self.key = key
    }

    /// The options that text stands for: empty for what is found, `folders`, `none` for one class, or the path of a file.
    public init(labels: String, key: String = "") {
        let source: Source =
            switch labels {
            case "": .found
            case "folders": .folders
            case "none": .oneClass
            default: .file(labels)
            }
        self.init(source: source, key: key.isEmpty ? nil : key)
    }

    /// The keys under which labels are looked for in a file that was named.
    var keys: [String] { key.map { [$0] } ?? ["label", "class"] }

    /// The keys under which labels are looked for in a file that was not named.
    var keysUnasked: [String] { key.map { [$0] } ?? ["label"] }

    /// Checks that a key is given only where it has a meaning.
    func validate() throws {
        guard let key else { return }
        switch source {
        case .found, .file:
            guard key.isEmpty else { return }
            throw PixNerdError(
                .invalidValue, "\(Setting.labelKey)", found: "is empty",
                expected: "the column of a table or the key of JSON with the labels")
        case .folders, .oneClass:
            throw PixNerdError(
                .mismatch, "\(Setting.labelKey)", found: "names '\(key)', but \(Setting.labels) asks for no table",
                advice: "leave out one of them")
        }
    }
}
