import Foundation
import PixNerdSupport

/// Labelled images from a folder of class folders or from WebDataset shards.
public struct ImageCollection: Sendable {
    /// One image.
    public struct Sample: Sendable, Equatable {
        /// The path of the image file, or of the shard that contains the image.
        public let path: String
        /// The name of the image inside its shard; nil for an image file.
        public let entry: String?
        /// The byte range of the image in its shard; nil for an image file.
        public let range: Range<Int>?
        /// The index of the class.
        public let label: Int

        /// The name of the image in messages: its path, or the path of the shard followed by the name inside it.
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

    /// The location of the images, as given.
    public let root: String
    /// The names of the classes, by label.
    public let classes: [String]
    /// The images, in an order that depends only on their names. Never empty.
    public let samples: [Sample]
    /// Files that are left out although they look like images, and what in the layout looks like a mistake.
    public let leftOut: LeftOut
    /// The captions of the images, in the order of `samples`; nil if they were not asked for.
    public let captions: Captions?
    /// Sentences about captions that look like mistakes.
    let captionRemarks: [String]

    /// Number of images left out because their format is not supported, by extension in lower case.
    public var unsupported: [String: Int] { leftOut.unsupported }

    /// Creates a collection of images that are already known.
    ///
    /// - Parameters:
    ///   - root: the name of the collection in messages.
    ///   - classes: the names of the classes, by label.
    ///   - samples: the images, at least one, each with a label below the number of classes.
    ///   - leftOut: files that look like images and are not among them.
    ///   - captions: the captions of each image; nil for none.
    public init(
        root: String, classes: [String], samples: [Sample], leftOut: LeftOut = LeftOut(), captions: Captions? = nil
    ) {
        self.init(
            root: root, classes: classes, samples: samples, leftOut: leftOut, captions: captions, captionRemarks: [])
    }

    init(
        root: String, classes: [String], samples: [Sample], leftOut: LeftOut, captions: Captions?,
        captionRemarks: [String]
    ) {
        precondition(!samples.isEmpty, "ImageCollection: \(root) has no images")
        precondition(
            samples.allSatisfy { classes.indices.contains($0.label) },
            "ImageCollection: a label of \(root) is not among the \(classes.count) classes")
        self.root = root
        self.classes = classes
        self.samples = samples
        precondition(
            captions == nil || captions?.count == samples.count,
            "ImageCollection: \(captions?.count ?? 0) captions for \(samples.count) images of \(root)")
        self.leftOut = leftOut
        self.captions = captions
        self.captionRemarks = captionRemarks
    }

    /// Sentences for a person about what is left out, whether the layout looks like a mistake, and classes without
    /// images. Empty for a sound dataset.
    public var remarks: [String] { [leftOut.formatsRemark].compactMap { $0 } + otherRemarks + captionRemarks }

    /// The remarks without that about unsupported formats.
    var otherRemarks: [String] {
        var isEmpty = [Bool](repeating: true, count: classes.count)
        for sample in samples { isEmpty[sample.label] = false }
        let empty = isEmpty.indices.filter { isEmpty[$0] }
        guard !empty.isEmpty else { return leftOut.otherRemarks }
        let names = empty.prefix(5).map { classes[$0] }.joined(separator: ", ") + (empty.count > 5 ? ", ..." : "")
        let (have, them) = empty.count == 1 ? ("has", "it") : ("have", "them")
        let remark =
            "\(empty.count) of the \(counted(classes.count, "class", plural: "classes")) \(have) no image (\(names)): "
            + "a model learns nothing about \(them)."
        return leftOut.otherRemarks + [remark]
    }

    /// Finds the images of a folder or of shards.
    ///
    /// - Parameter root: a folder with one folder of images per class (see `ImageFolder`), or WebDataset shards: a
    ///   `.tar` file, or several written with braces, such as `shards-{000..099}.tar` or `{train,extra}.tar` (see
    ///   `TarShards`).
    /// - Throws: `PixNerdError` if a file or folder is missing, damaged or laid out differently.
    public static func open(root: String) throws -> ImageCollection {
        isShards(root) ? try TarShards.collection(root: root) : try ImageFolder(root: root).collection
    }

    /// Whether a root is written as shards are, and not that of a folder.
    static func isShards(_ root: String) -> Bool {
        let isFolder = isFolder(root)
        return isFolder != true && (root.lowercased().hasSuffix(".tar") || isFolder == nil && root.contains("{"))
    }
}
