import PixNerdSupport
import PixNerdZip

/// A zip archive whose entries are listed as the files of folders, and whose images are found by their place in it.
///
/// Images must be stored, not compressed, so that each can be read by itself, as from a shard.
final class PictureArchive: Sendable {
    /// The path of the archive.
    let path: String
    /// The path of the folder that holds everything: the archive, or a single folder in it.
    let top: String
    /// All folders, sorted by path; the first is the archive itself.
    let listings: [FolderListing]
    private let archive: ZipArchive
    /// The names and places of the images, sorted by name.
    private let pictures: [Picture]

    private struct Picture {
        let name: String
        let range: Range<Int>
    }

    /// What belongs under a path that ends in .zip.
    private static let expected = "a zip archive of images, or a folder"

    /// Folders and bytes that the name of an entry may have, so that the folders of a small archive are not many.
    private static let (mostParts, mostBytes) = (32, 1024)

    /// - Throws: `PixNerdError` if the file is no zip archive, is damaged, or holds images that are compressed or
    ///   encrypted, that overlap, or whose paths lead out of it.
    init(_ path: String) throws {
        self.path = path
        // Says what is there instead of a regular file.
        _ = try RegularFile(path, expected: Self.expected)
        let file = try MappedFile(path: path, kind: Self.expected)
        guard file.bytes.starts(with: "PK".utf8) else {
            throw PixNerdError(
                .malformed, "\(path)", found: "is no zip archive, although its name ends in .zip",
                expected: "\(Self.expected)")
        }
        archive = try ZipArchive(file)
        let names = try Self.names(archive, path)
        listings = Self.listings(names, foreign: archive.foreignNames, path)
        pictures = try Self.pictures(names, archive, path)
        top = Self.top(listings, path)
    }

    /// The names of the files that count: folders, and names that begin with a dot, are left out.
    private static func names(_ archive: ZipArchive, _ path: String) throws -> [String] {
        try archive.entries.keys.filter { name in
            let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            let isFolder = parts.last?.isEmpty == true
            let isOdd = parts.dropLast(isFolder ? 1 : 0).contains {
                $0.isEmpty || $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8)
            }
            let isLong = parts.count > mostParts || name.utf8.count > mostBytes
            guard !isOdd, !isLong, !name.utf8.contains(UInt8(ascii: "\\")) else {
                throw PixNerdError(
                    .malformed, "\(path):",
                    found:
                        "the entry '\(name.prefix(100))' has a name that is no path below the top of the archive, or "
                        + "too long a one",
                    expected: "names such as class/image.png", advice: "write the archive again")
            }
            // Finder of macOS adds a folder with the rest of what it knows of files.
            return !isFolder && !parts.contains { $0.first == UInt8(ascii: ".") }
                && !parts[0].elementsEqual("__MACOSX".utf8)
        }.sorted(by: precedes)
    }

    private static func listings(_ names: [String], foreign: [String], _ path: String) -> [FolderListing] {
        var files: [(folder: String, file: String)] = names.map { name in
            let slash = name.utf8.lastIndex(of: UInt8(ascii: "/"))
            return slash.map { (joined(path, String(name[..<$0])), String(name[name.utf8.index(after: $0)...])) }
                ?? (path, name)
        }
        files.sort {
            $0.folder.utf8.elementsEqual($1.folder.utf8) ? precedes($0.file, $1.file) : precedes($0.folder, $1.folder)
        }
        var filesOf: [(folder: String, files: [String])] = []
        for (folder, file) in files {
            if filesOf.last?.folder.utf8.elementsEqual(folder.utf8) != true { filesOf.append((folder, [])) }
            filesOf[filesOf.count - 1].files.append(file)
        }
        // With those that hold only folders.
        var all = [path]
        for (folder, _) in filesOf {
            var below = folder
            while below.utf8.count > path.utf8.count, let slash = below.utf8.lastIndex(of: UInt8(ascii: "/")) {
                all.append(below)
                below = String(below[..<slash])
            }
        }
        all = sortedOnce(all)
        var folders = [[String]](repeating: [], count: all.count)
        for folder in all.dropFirst() {
            let slash = folder.utf8.lastIndex(of: UInt8(ascii: "/"))!
            let parent = index(of: String(folder[..<slash]), count: all.count) { all[$0] }!
            folders[parent].append(String(folder[folder.utf8.index(after: slash)...]))
        }
        return all.indices.map { number in
            let own = index(of: all[number], count: filesOf.count) { filesOf[$0].folder }
            return FolderListing(
                path: all[number], files: own.map { filesOf[$0].files } ?? [],
                folders: folders[number].sorted(by: precedes),
                foreign: number == 0 ? foreign.filter { PictureExtension(of: $0) != nil } : [])
        }
    }

    private static func pictures(_ names: [String], _ archive: ZipArchive, _ path: String) throws -> [Picture] {
        let names = names.filter { PictureExtension(of: $0) == .readable }
        let compressed = names.filter { !archive.isStored($0) }
        if let first = compressed.first {
            throw PixNerdError(
                .unsupported, "\(path):",
                found: "\(compressed.count) of its \(counted(names.count, "image")) "
                    + "\(compressed.count == 1 ? "is" : "are") compressed, such as \(first)",
                expected: "images that are stored as they are, as each is read by itself",
                advice: "write it again without compression (zip -0 -r), or unpack it to a folder")
        }
        // An entry without bytes has no place.
        let found = try names.map { Picture(name: $0, range: try archive.range($0) ?? 0..<0) }
        let places = found.filter { !$0.range.isEmpty }.sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (one, next) in zip(places, places.dropFirst()) where one.range.upperBound > next.range.lowerBound {
            throw PixNerdError(
                .malformed, "\(path)", found: "is damaged: its entries \(one.name) and \(next.name) overlap")
        }
        return found
    }

    /// The folder that holds everything: archives are often made of one folder, as by `zip -r pictures.zip pictures`.
    private static func top(_ listings: [FolderListing], _ path: String) -> String {
        var top = listings[0]
        func hasPictures(_ listing: FolderListing) -> Bool {
            listing.files.contains { PictureExtension(of: $0) == .readable }
        }
        while top.folders.count == 1, !hasPictures(top), !top.files.contains(LabelFile.usualList) {
            let inner = joined(top.path, top.folders[0])
            guard let number = index(of: inner, count: listings.count, { listings[$0].path }),
                !hasPictures(listings[number]) || listings[number].files.contains(LabelFile.usualList)
            else { break }
            top = listings[number]
        }
        return top.path
    }

    /// A folder and all folders below it, sorted by path.
    func foldersBelow(_ folder: String) -> [FolderListing] {
        listings.filter { $0.path.utf8.elementsEqual(folder.utf8) || $0.path.utf8.starts(with: (folder + "/").utf8) }
    }

    /// The name of an entry by its path as a file; nil if the path leads elsewhere.
    func entry(_ file: String) -> String? {
        file.utf8.starts(with: (path + "/").utf8) ? String(Substring(file.utf8.dropFirst(path.utf8.count + 1))) : nil
    }

    /// The place of an image.
    func range(_ entry: String) -> Range<Int> {
        pictures[index(of: entry, count: pictures.count) { pictures[$0].name }!].range
    }

    /// The contents of an entry, decompressed if need be.
    ///
    /// - Throws: `PixNerdError` if they are damaged, or more than `most` bytes.
    func contents(_ entry: String, most: Int) throws -> ZipArchive.Contents {
        if let size = archive.entries[entry]?.size, size > most {
            throw PixNerdError(
                .unsupported, "\(path)/\(entry)", found: "has \(size) bytes", expected: "at most \(most) bytes")
        }
        return try archive.contents(entry)
    }
}
