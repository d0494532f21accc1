import Foundation

/// Labelled pictures, wherever they are: a folder of class folders, or WebDataset shards.
public struct ImageCollection: Sendable {
    /// One picture.
    public struct Sample: Sendable, Equatable {
        /// The file to open: the picture's own, or the shard that holds it.
        public let path: String
        /// The picture's name inside its shard; nil for a file of its own.
        public let entry: String?
        /// The bytes of the shard that are the picture's; nil for all of a file.
        public let range: Range<Int>?
        /// The index of its class.
        public let label: Int

        /// What messages call the picture: its path, that of the shard followed by the name inside.
        public var name: String {
            entry.map { "\(path)/\($0)" } ?? path
        }

        public init(path: String, entry: String? = nil, range: Range<Int>? = nil, label: Int) {
            self.path = path
            self.entry = entry
            self.range = range
            self.label = label
        }
    }

    /// Where the pictures are, as it was given.
    public let root: String
    /// The names of the classes by label.
    public let classes: [String]
    /// All pictures, in an order that depends on their names alone. Never empty.
    public let samples: [Sample]
    /// How many pictures were left out because they are of a kind that is not read here, by extension in lower case.
    public let unsupported: [String: Int]

    /// A collection of pictures that were found already.
    ///
    /// - Parameters:
    ///   - root: what messages call the collection.
    ///   - classes: the names of the classes by label.
    ///   - samples: all pictures, each with a label below the number of classes. At least one.
    ///   - unsupported: how many pictures of other kinds were left out, by extension.
    public init(root: String, classes: [String], samples: [Sample], unsupported: [String: Int] = [:]) {
        precondition(!samples.isEmpty, "ImageCollection: \(root) has no pictures")
        precondition(
            samples.allSatisfy { classes.indices.contains($0.label) },
            "ImageCollection: a label of \(root) is not among the \(classes.count) classes")
        self.root = root
        self.classes = classes
        self.samples = samples
        self.unsupported = unsupported
    }

    /// Finds the pictures that a text names.
    ///
    /// - Parameter root: a folder that holds a folder of pictures for each class (see `ImageFolder`), or WebDataset
    ///   shards: a `.tar` file, or several written with braces, such as `shards-{000..099}.tar` or `{train,extra}.tar`
    ///   (see `TarShards`).
    /// - Throws: `PixNerdError` when something of that is missing, damaged or laid out otherwise.
    public static func open(root: String) throws -> ImageCollection {
        var status = stat()
        let isFolder = stat(root, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        if !isFolder && (root.lowercased().hasSuffix(".tar") || root.contains("{")) {
            return try TarShards.collection(root: root)
        }
        return try ImageFolder(root: root).collection
    }
}
