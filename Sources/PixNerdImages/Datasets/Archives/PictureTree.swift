import Foundation
import PixNerdSupport

/// The folders of a data set and the files in them, in the file system or in a zip archive, which is read as if it were
/// unpacked.
struct PictureTree {
    /// The location of the data set as given: a folder or a zip archive.
    let root: String
    /// The path of the top folder: the root, or the single folder that a zip archive holds.
    let top: String
    private let archive: PictureArchive?

    /// The bytes that a file beside the images may have, such as a table of labels.
    static let mostBytes = 1 << 30

    /// - Throws: `PixNerdError` if the root is missing, is a file of another kind, or is a damaged archive.
    init(_ root: String) throws {
        self.root = root
        switch isFolder(root) {
        case true: (archive, top) = (nil, root)
        case false where fileExtension(root) == "zip":
            let archive = try PictureArchive(root)
            (self.archive, top) = (archive, archive.top)
        case false: throw DataFile.refusal(root)
        case nil:
            throw PixNerdError(
                .fromErrno, "The image folder \(root)", found: "cannot be opened: \(systemReason())",
                expected: "\(root)/class/image.jpg")
        }
    }

    var isArchive: Bool { archive != nil }

    /// The name of the top folder, or that of the archive without its ending.
    var name: String {
        let name = URL(fileURLWithPath: top).standardizedFileURL.lastPathComponent
        guard isArchive, top.utf8.elementsEqual(root.utf8), let dot = name.lastIndex(of: "."), dot > name.startIndex
        else { return name }
        return String(name[..<dot])
    }

    /// The listing of the top folder.
    func listing() throws -> FolderListing {
        try archive.map { $0.foldersBelow(top)[0] } ?? FolderListing(top)
    }

    /// A folder and all folders below it, sorted by path.
    func foldersBelow(_ path: String) throws -> [FolderListing] {
        try archive?.foldersBelow(path) ?? ImageFolder.foldersBelow(path)
    }

    /// The image of a path.
    func sample(_ path: String, label: Int) -> ImageCollection.Sample {
        guard let archive, let entry = archive.entry(path) else {
            return ImageCollection.Sample(path: path, label: label)
        }
        return ImageCollection.Sample(path: root, entry: entry, range: archive.range(entry), label: label)
    }

    /// The contents of a small file, such as a caption.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read or has more than `most` bytes.
    func bytes(ofFile path: String, most: Int) throws -> [UInt8] {
        guard isArchive else { return try readBytes(ofFile: path, most: most) }
        return try withBytes(ofFile: path, kind: "a file", most: most) { Array($0) }
    }

    /// Calls a closure with the contents of a file, which are valid until it returns.
    ///
    /// - Parameter kind: what the file should be, in the error about another one.
    /// - Throws: `PixNerdError` if the file cannot be read.
    func withBytes<Result>(
        ofFile path: String, kind: String, most: Int = mostBytes, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        if let archive, let entry = archive.entry(path) {
            let contents = try archive.contents(entry, most: most)
            return try withExtendedLifetime(contents.owner) { try body(contents.bytes) }
        }
        let size = try RegularFile(path, expected: kind).size
        guard size <= most else {
            throw PixNerdError(.unsupported, "\(path)", found: "has \(size) bytes", expected: "at most \(most) bytes")
        }
        guard size > 0 else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let file = try MappedFile(path: path, kind: kind)
        return try withExtendedLifetime(file) { try body(file.bytes) }
    }
}
