import Foundation
import PixNerdSupport

/// Labelled images from a folder, a zip archive or WebDataset shards.
public struct ImageCollection: Sendable {
    /// One image.
    public struct Sample: Sendable, Equatable {
        /// The path of the image file, or of the shard or archive that contains the image.
        public let path: String
        /// The name of the image inside its shard or archive; nil for an image file.
        public let entry: String?
        /// The byte range of the image in its shard or archive; nil for an image file.
        public let range: Range<Int>?
        /// The index of the class; the lowest of several, and 0 for an image that has none.
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

        /// The image with another class.
        func with(label: Int) -> Sample { Sample(path: path, entry: entry, range: range, label: label) }
    }

    /// The location of the images, as given.
    public let root: String
    /// The names of the classes, by label.
    public let classes: [String]
    /// The images, in an order that depends only on their names. Never empty.
    public let samples: [Sample]
    /// Files that are left out although they look like images, and what in the layout looks like a mistake.
    public let leftOut: LeftOut
    /// All classes of the images, in the order of `samples`, if some have several or none at all. Nil if each image has
    /// one class.
    public let labelSets: LabelSets?
    /// The values of the images, in the order of `samples`; nil if none were asked for.
    public let values: ImageValues?
    /// The captions of the images, in the order of `samples`; nil if they were not asked for.
    public let captions: Captions?
    /// What the classes are, such as "labels of the class folders" or "no labels: no class folders".
    public let labelling: String
    /// Sentences about captions and labels that look like mistakes.
    let ownRemarks: [String]

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
            root: root, classes: classes, samples: samples, leftOut: leftOut, captions: captions,
            labelling: "as given", remarks: [])
    }

    init(
        root: String, classes: [String], samples: [Sample], leftOut: LeftOut, labelSets: LabelSets? = nil,
        values: ImageValues? = nil, captions: Captions? = nil, labelling: String, remarks: [String]
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
        self.labelSets = labelSets
        self.values = values
        self.captions = captions
        self.labelling = labelling
        ownRemarks = remarks
    }

    /// The classes of an image; one, unless there are `labelSets`.
    ///
    /// - Parameter image: an index into `samples`.
    public func labels(of image: Int) -> [Int] { labelSets?[image] ?? [samples[image].label] }

    /// Sentences for a person about what is left out, whether the layout looks like a mistake, and classes without
    /// images. Empty for a sound dataset.
    public var remarks: [String] { [leftOut.formatsRemark].compactMap { $0 } + otherRemarks }

    /// The remarks without that about unsupported formats.
    var otherRemarks: [String] {
        var isEmpty = [Bool](repeating: true, count: classes.count)
        for image in samples.indices {
            for label in labels(of: image) { isEmpty[label] = false }
        }
        let empty = isEmpty.indices.filter { isEmpty[$0] }
        guard !empty.isEmpty else { return leftOut.otherRemarks + ownRemarks }
        let names = empty.prefix(5).map { classes[$0] }.joined(separator: ", ") + (empty.count > 5 ? ", ..." : "")
        let (have, them) = empty.count == 1 ? ("has", "it") : ("have", "them")
        let remark =
            "\(empty.count) of the \(counted(classes.count, "class", plural: "classes")) \(have) no image (\(names)): "
            + "a model learns nothing about \(them)."
        return leftOut.otherRemarks + [remark] + ownRemarks
    }

    /// The images with another account of their classes, and with more remarks.
    func with(labelling: String, remarks: [String]) -> ImageCollection {
        ImageCollection(
            root: root, classes: classes, samples: samples, leftOut: leftOut, labelSets: labelSets, values: values,
            captions: captions, labelling: labelling, remarks: ownRemarks + remarks)
    }

    /// The images with captions, and with more remarks.
    func with(_ captions: Captions, remarks: [String]) -> ImageCollection {
        ImageCollection(
            root: root, classes: classes, samples: samples, leftOut: leftOut, labelSets: labelSets, values: values,
            captions: captions, labelling: labelling, remarks: ownRemarks + remarks)
    }

    /// Some of the images with captions, and with more remarks.
    func with(_ captions: Captions, only places: [Int], remarks: [String]) -> ImageCollection {
        ImageCollection(
            root: root, classes: classes, samples: places.map { samples[$0] }, leftOut: leftOut,
            labelSets: labelSets?.of(places), values: values?.of(places), captions: captions, labelling: labelling,
            remarks: ownRemarks + remarks)
    }

    /// The images with values, in the order of `samples`, of which tables were read.
    func with(_ values: ImageValues) -> ImageCollection {
        var leftOut = leftOut
        leftOut.metadata = LeftOut.Files()
        return ImageCollection(
            root: root, classes: classes, samples: samples, leftOut: leftOut, labelSets: labelSets, values: values,
            captions: captions, labelling: labelling, remarks: ownRemarks)
    }

    /// Finds the images of a folder, of a zip archive or of shards, and their classes.
    ///
    /// - Parameters:
    ///   - root: a folder or a `.zip` of one, with one folder of images per class, with images, or with a file of labels
    ///     (see `ImageFolder` and `LabelOptions`); or WebDataset shards: a `.tar` file, or several written with braces,
    ///     such as `shards-{000..099}.tar` or `{train,extra}.tar` (see `TarShards`).
    ///   - labels: where the classes come from.
    ///   - values: columns of tables, or keys of JSON, with numbers to read of each image (see `ImageValues`).
    /// - Throws: `PixNerdError` if a file or folder is missing, damaged or laid out differently.
    public static func open(
        root: String, labels: LabelOptions = LabelOptions(), values: [String] = []
    ) throws -> ImageCollection {
        try labels.validate()
        if isShards(root) { return try TarShards.collection(root: root, labels: labels, values: values) }
        let tree = try PictureTree(root)
        let collection = try open(tree, labels)
        guard !values.isEmpty else { return collection }
        return collection.with(try ValueTables.values(values, of: collection, in: tree, labels))
    }

    private static func open(_ tree: PictureTree, _ labels: LabelOptions) throws -> ImageCollection {
        switch labels.source {
        case .folders: try ImageFolder(tree).collection
        case .oneClass:
            try PictureIndex(tree).collection(ofClass: tree.name)
                .with(labelling: "no labels, as asked for", remarks: [])
        case .found, .file: try LabelledPictures(tree, labels)?.collection() ?? ImageFolder(tree).collection
        }
    }

    /// Whether a root is written as shards are, and not that of a folder.
    static func isShards(_ root: String) -> Bool {
        let isFolder = isFolder(root)
        return isFolder != true && (root.lowercased().hasSuffix(".tar") || isFolder == nil && root.contains("{"))
    }
}
