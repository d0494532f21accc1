import Foundation
import PixNerdSupport

/// A folder of labelled pictures, laid out as `root/class/picture.jpg`: what torchvision calls an ImageFolder.
///
/// Each folder directly under the root is a class; labels number the classes in the order of their names' code points.
/// A class takes the PNG and JPEG files in its folder and in the folders below that, in sorted order. Symbolic links
/// are followed. Unlike torchvision, names that begin with a dot are passed over, so that the `.ipynb_checkpoints` of
/// a notebook does not become a class.
public struct ImageFolder: Sendable {
    /// One picture of the folder.
    public struct Sample: Sendable, Equatable {
        /// Where the file is: the root as it was given, followed by the path inside it.
        public let path: String
        /// The index of its class.
        public let label: Int

        public init(path: String, label: Int) {
            self.path = path
            self.label = label
        }
    }

    /// The folder as it was given.
    public let root: String
    /// The names of the classes by label.
    public let classes: [String]
    /// All pictures, class by class. Never empty.
    public let samples: [Sample]
    /// How many files were left out because they hold pictures of a kind that is not read here, by extension in lower
    /// case: `["webp": 12]`.
    public let unsupported: [String: Int]

    /// The same for the loader.
    public var collection: ImageCollection {
        ImageCollection(
            root: root, classes: classes,
            samples: samples.map { ImageCollection.Sample(path: $0.path, label: $0.label) }, unsupported: unsupported)
    }

    /// Finds the classes and pictures of a folder. No file is opened.
    ///
    /// - Parameter root: the folder that holds a folder per class.
    /// - Throws: `PixNerdError` when the folder is missing, is not a folder, cannot be listed, holds no class folders, or
    ///   when one of these holds no picture.
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
                throw ImageError(
                    "The class folder \(joined(root, name)) holds no PNG or JPEG picture\(Self.only(other)):"
                        + " put pictures in it or remove it.")
            }
            unsupported.merge(other, uniquingKeysWith: +)
        }
        self.samples = samples
        self.unsupported = unsupported
    }

    /// The root's listing, or an error that says how pictures should be laid out.
    private static func topFolder(_ root: String) throws -> FolderListing {
        var status = stat()
        guard stat(root, &status) == 0 else {
            throw ImageError(
                "The picture folder \(root) cannot be opened: \(systemReason()); expected \(root)/class/picture.jpg.")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw ImageError("\(root) is a file: expected a folder that holds one folder of pictures for each class.")
        }
        let top = try FolderListing(root)
        guard top.folders.isEmpty else { return top }
        let pictures = top.files.count { PictureExtension(of: $0) != nil }
        let shards = top.files.filter { $0.hasSuffix(".tar") }
        if let first = shards.first {
            throw ImageError(
                "\(root) holds no folders but \(counted(shards.count, "tar file")): name the shards themselves, as in"
                    + " \(joined(root, first)) or \(joined(root, "shards-{000..099}.tar")).")
        }
        let found = pictures == 0 ? "no folders" : "no folders but \(counted(pictures, "picture"))"
        throw ImageError(
            "\(root) holds \(found): expected one folder for each class, as in \(joined(root, "class/picture.jpg")).")
    }

    /// A folder and all folders below it, sorted by path. Links that lead back to a folder above are not followed.
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

    /// ", only 3 .gif and 1 .webp files", or nothing.
    static func only(_ unsupported: [String: Int]) -> String {
        if unsupported.isEmpty { return "" }
        let kinds = unsupported.sorted { $0.key < $1.key }.map { "\($0.value) .\($0.key)" }
        return ", only \(kinds.joined(separator: " and ")) (convert those)"
    }
}

/// What a file name's extension says about its content.
enum PictureExtension: Equatable {
    case readable
    /// A picture of a kind that is not read here; its extension in lower case.
    case unreadable(String)

    /// Extensions of pictures that are not read here.
    static let unreadableKinds = ["webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm"]

    /// Nil when the name is not that of a picture.
    init?(of name: String) {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let ending = name[name.index(after: dot)...]
        // Most files end like this, so that nothing has to be made for them.
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
