import Foundation
import PixNerdSupport

/// A folder of labelled images, laid out as `root/class/image.jpg` like torchvision's ImageFolder.
///
/// Each folder directly under the root is a class; labels number the classes in the order of their names' code points.
/// A class contains the PNG and JPEG files in its folder and all folders below it, in sorted order. Symbolic links are
/// followed. Unlike torchvision, names that begin with a dot are skipped, so that the `.ipynb_checkpoints` of a
/// notebook does not become a class.
public struct ImageFolder: Sendable {
    /// One image of the folder.
    public struct Sample: Sendable, Equatable {
        /// The path of the file: the root as given, followed by the path inside it.
        public let path: String
        /// The index of the class.
        public let label: Int

        public init(path: String, label: Int) {
            self.path = path
            self.label = label
        }
    }

    /// The path of the folder, as given.
    public let root: String
    /// The names of the classes, by label.
    public let classes: [String]
    /// The images, class by class. Never empty.
    public let samples: [Sample]
    /// Number of image files left out because their format is not supported, by extension in lower case, such as
    /// `["webp": 12]`.
    public let unsupported: [String: Int]

    /// The folder as a collection, which the loader takes.
    public var collection: ImageCollection {
        ImageCollection(
            root: root, classes: classes,
            samples: samples.map { ImageCollection.Sample(path: $0.path, label: $0.label) }, unsupported: unsupported)
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
        var samples: [Sample] = []
        var unsupported: [String: Int] = [:]
        for (label, name) in classes.enumerated() {
            let countBefore = samples.count
            var other: [String: Int] = [:]
            for folder in try Self.foldersBelow(joined(root, name)) {
                for file in folder.files {
                    switch PictureExtension(of: file) {
                    case .readable: samples.append(Sample(path: joined(folder.path, file), label: label))
                    case .unreadable(let kind): other[kind, default: 0] += 1
                    case .none: break
                    }
                }
            }
            if samples.count == countBefore {
                throw PixNerdError(
                    .malformed, "The class folder \(joined(root, name))",
                    found: "holds no PNG or JPEG picture\(Self.only(other))", advice: "put pictures in it or remove it")
            }
            unsupported.merge(other, uniquingKeysWith: +)
        }
        self.samples = samples
        self.unsupported = unsupported
    }

    /// The listing of the root, or an error that describes the expected layout.
    private static func topFolder(_ root: String) throws -> FolderListing {
        var status = stat()
        guard stat(root, &status) == 0 else {
            throw PixNerdError(
                .fromErrno, "The image folder \(root)", found: "cannot be opened: \(systemReason())",
                expected: "\(root)/class/image.jpg")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw PixNerdError(
                .invalidValue, "\(root)", found: "is a file", expected: "a folder with one folder of images per class")
        }
        let top = try FolderListing(root)
        guard top.folders.isEmpty else { return top }
        let pictures = top.files.count { PictureExtension(of: $0) != nil }
        let shards = top.files.filter { $0.hasSuffix(".tar") }
        if let first = shards.first {
            throw PixNerdError(
                .invalidValue, "\(root)", found: "holds no folders but \(counted(shards.count, "tar file"))",
                advice: "name the shards themselves, such as \(joined(root, first)) or "
                    + "\(joined(root, "shards-{000..099}.tar"))")
        }
        let found = pictures == 0 ? "no folders" : "no folders but \(counted(pictures, "picture"))"
        throw PixNerdError(
            .malformed, "\(root)", found: "holds \(found)",
            expected: "one folder for each class, such as \(joined(root, "class/image.jpg"))")
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

    /// A clause about unsupported files, such as ", only 3 .gif and 1 .webp (convert those)"; empty if there are none.
    static func only(_ unsupported: [String: Int]) -> String {
        if unsupported.isEmpty { return "" }
        let kinds = unsupported.sorted { $0.key < $1.key }.map { "\($0.value) .\($0.key)" }
        return ", only \(kinds.joined(separator: " and ")) (convert those)"
    }
}

/// The image format that the extension of a file name indicates.
enum PictureExtension: Equatable {
    case readable
    /// An unsupported image format, by its extension in lower case.
    case unreadable(String)

    /// Extensions of unsupported image formats.
    static let unreadableKinds = ["webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm"]

    /// Nil if the extension is not that of an image.
    init?(of name: String) {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let ending = name[name.index(after: dot)...]
        // Most files have one of these extensions; comparing them first avoids creating a string.
        if ending == "JPEG" || ending == "jpg" || ending == "png" {
            self = .readable
            return
        }
        switch ending.lowercased() {
        case "jpg", "jpeg", "png": self = .readable
        case let kind where Self.unreadableKinds.contains(kind): self = .unreadable(kind)
        default: return nil
        }
    }
}
