import Foundation
import PixNerdSupport

/// A folder of labelled images, laid out as `root/class/image.jpg` like torchvision's ImageFolder, or a zip archive of
/// one.
///
/// Each folder directly under the root is a class; labels number the classes in the order of their names' code points.
/// A class contains the images in its folder and all folders below it, in sorted order. A root with images and without
/// folders is one class, which has the root's name. Symbolic links are followed. Unlike torchvision, names that begin
/// with a dot are skipped, so that the `.ipynb_checkpoints` of a notebook does not become a class.
public struct ImageFolder: Sendable {
    /// The path of the folder, as given.
    public let root: String
    /// The names of the classes, by label.
    public let classes: [String]
    /// The images, class by class. Never empty.
    public let samples: [ImageCollection.Sample]
    /// Files that are left out although they look like images, and what in the layout looks like a mistake.
    public let leftOut: LeftOut

    /// Number of image files left out because their format is not supported, by extension in lower case, such as
    /// `["webp": 12]`.
    public var unsupported: [String: Int] { leftOut.unsupported }

    /// The folder as a collection, which the loader takes.
    public var collection: ImageCollection {
        ImageCollection(
            root: root, classes: classes, samples: samples, leftOut: leftOut,
            labelling: isFlat ? "no labels: no class folders" : "labels of the class folders", remarks: [])
    }

    /// Whether the images lie in the root itself.
    private let isFlat: Bool

    /// Finds the classes and images of a folder. No file is opened.
    ///
    /// - Parameter root: a folder with one folder per class or with images, or a zip archive of one.
    /// - Throws: `PixNerdError` if the root is missing, is no folder, cannot be listed or has neither folders nor images,
    ///   or if a class folder has no images.
    public init(root: String) throws { try self.init(PictureTree(root)) }

    init(_ tree: PictureTree) throws {
        root = tree.root
        let top = try tree.listing()
        isFlat = top.folders.isEmpty
        guard !isFlat else {
            var leftOut = LeftOut()
            samples = leftOut.readable(in: top).map { tree.sample($0, label: 0) }
            guard !samples.isEmpty else { throw Self.noPicture(tree, top, leftOut) }
            leftOut.addBeside(top)
            classes = [tree.name]
            self.leftOut = leftOut
            return
        }
        classes = top.folders
        var samples: [ImageCollection.Sample] = []
        var leftOut = LeftOut()
        leftOut.addRoot(top)
        var parts: [SplitFolders.Part] = []
        for (label, name) in classes.enumerated() {
            let countBefore = samples.count
            var own = LeftOut()
            let folders = try tree.foldersBelow(joined(tree.top, name))
            for folder in folders {
                samples += own.readable(in: folder).map { tree.sample($0, label: label) }
            }
            if samples.count == countBefore {
                throw PixNerdError(
                    .malformed, "The class folder \(joined(tree.top, name))",
                    found: "holds no image\(own.only)",
                    advice: "\(folders.lazy.compactMap(Self.strangeFile).first ?? "put pictures in it or remove it")")
            }
            parts.append(SplitFolders.Part(name: name, top: folders[0]))
            leftOut.add(own)
        }
        leftOut.layout = SplitFolders.remark(tree.top, parts)
        self.samples = samples
        self.leftOut = leftOut
    }

    /// The error about a root with neither folders nor images, which describes the expected layout.
    private static func noPicture(_ tree: PictureTree, _ top: FolderListing, _ leftOut: LeftOut) -> PixNerdError {
        let shards = top.files.filter { fileExtension($0) == "tar" }
        if let first = shards.first {
            return PixNerdError(
                .invalidValue, "\(tree.root)", found: "holds no folders but \(counted(shards.count, "tar file"))",
                advice: tree.isArchive
                    ? "unpack it, and name the shards themselves"
                    : "name the shards themselves, such as \(joined(tree.root, first)) or "
                        + "\(joined(tree.root, "shards-{000..099}.tar"))")
        }
        return PixNerdError(
            .malformed, "\(tree.root)", found: "holds neither folders nor an image\(leftOut.only)",
            expected:
                "one folder for each class, such as \(joined(tree.root, "class/image.jpg")), or the images of one "
                + "class", advice: strangeFile(top).map { "\($0)" })
    }

    /// A clause about a file that holds images or describes them in a way that is not read; nil if there is none.
    private static func strangeFile(_ folder: FolderListing) -> String? {
        for file in folder.files {
            if LeftOut.isMetadata(file) {
                return "\(joined(folder.path, file)) is not read without images: put it beside them"
            }
            if let advice = DataFile.advice(forName: file) {
                return "\(joined(folder.path, file)) is not read: \(advice)"
            }
        }
        return nil
    }

    /// A folder and all folders below it, sorted by path. Links to an enclosing folder are not followed.
    static func foldersBelow(_ path: String) throws -> [FolderListing] {
        var found: [FolderListing] = []
        func visit(_ path: String, above: [FolderListing.Identity]) throws {
            let listing = try FolderListing(path)
            guard !above.contains(listing.identity) else { return }
            found.append(listing)
            for name in listing.folders {
                try visit(joined(path, name), above: above + [listing.identity])
            }
        }
        try visit(path, above: [])
        return found.sorted { precedes($0.path, $1.path) }
    }
}
