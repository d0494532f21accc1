import Foundation
import PixNerdSupport

/// A folder of labelled images, laid out as `root/class/image.jpg` like torchvision's ImageFolder.
///
/// Each folder directly under the root is a class; labels number the classes in the order of their names' code points.
/// A class contains the images in its folder and all folders below it, in sorted order. Symbolic links are
/// followed. Unlike torchvision, names that begin with a dot are skipped, so that the `.ipynb_checkpoints` of a
/// notebook does not become a class.
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
        ImageCollection(root: root, classes: classes, samples: samples, leftOut: leftOut)
    }

    /// Finds the classes and images of a folder. No file is opened.
    ///
    /// - Parameter root: a folder with one folder per class.
    /// - Throws: `PixNerdError` if the root is missing, is not a folder, cannot be listed or has no class folders, or
    ///   if a class folder has no images.
    public init(root: String) throws {
        let top = try Self.topFolder(root)
        self.root = root
        classes = top.folders
        var samples: [ImageCollection.Sample] = []
        var leftOut = LeftOut()
        leftOut.addRoot(top)
        var parts: [SplitFolders.Part] = []
        for (label, name) in classes.enumerated() {
            let countBefore = samples.count
            var own = LeftOut()
            let folders = try Self.foldersBelow(joined(root, name))
            for folder in folders {
                for path in own.readable(in: folder) {
                    samples.append(ImageCollection.Sample(path: path, label: label))
                }
            }
            if samples.count == countBefore {
                throw PixNerdError(
                    .malformed, "The class folder \(joined(root, name))",
                    found: "holds no image\(own.only)",
                    advice: "\(folders.lazy.compactMap(Self.strangeFile).first ?? "put pictures in it or remove it")")
            }
            parts.append(SplitFolders.Part(name: name, top: folders[0]))
            leftOut.add(own)
        }
        leftOut.layout = SplitFolders.remark(root, parts)
        self.samples = samples
        self.leftOut = leftOut
    }

    /// The listing of the root, or an error that describes the expected layout.
    private static func topFolder(_ root: String) throws -> FolderListing {
        var status = stat()
        guard stat(root, &status) == 0 else {
            throw PixNerdError(
                .fromErrno, "The image folder \(root)", found: "cannot be opened: \(systemReason())",
                expected: "\(root)/class/image.jpg")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw DataFile.refusal(root) }
        let top = try FolderListing(root)
        guard top.folders.isEmpty else { return top }
        let pictures = top.files.count { PictureExtension(of: $0) != nil }
        let shards = top.files.filter { $0.lowercased().hasSuffix(".tar") }
        if let first = shards.first {
            throw PixNerdError(
                .invalidValue, "\(root)", found: "holds no folders but \(counted(shards.count, "tar file"))",
                advice: "name the shards themselves, such as \(joined(root, first)) or "
                    + "\(joined(root, "shards-{000..099}.tar"))")
        }
        let found = pictures == 0 ? "no folders" : "no folders but \(counted(pictures, "picture"))"
        let foreign = top.foreign.isEmpty ? "" : " and \(counted(top.foreign.count, "name")) that are not UTF-8 text"
        throw PixNerdError(
            .malformed, "\(root)", found: "holds \(found)\(foreign)",
            expected: "one folder for each class, such as \(joined(root, "class/image.jpg"))",
            advice: strangeFile(top).map { "\($0)" } ?? captionAdvice(top))
    }

    /// What to do about images with texts beside them, which are no classes; nil if there are none.
    private static func captionAdvice(_ folder: FolderListing) -> ErrorText? {
        let hasTexts = folder.files.contains { CaptionFile.extensions.contains(fileExtension($0)) }
        let hasPictures = folder.files.contains { PictureExtension(of: $0) == .readable }
        return hasTexts && hasPictures ? "if the text files are captions, they have to be asked for" : nil
    }

    /// A clause about a file that holds images or describes them in a way that is not read; nil if there is none.
    private static func strangeFile(_ folder: FolderListing) -> String? {
        for file in folder.files {
            if LeftOut.isMetadata(file) {
                return "\(joined(folder.path, file)) is not read: sort the images into a folder for each class, or ask "
                    + "for captions"
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
