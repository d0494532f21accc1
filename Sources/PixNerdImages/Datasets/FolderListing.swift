import Foundation
import PixNerdSupport

/// The files and folders directly in a folder, sorted by code points, without names that begin with a dot.
struct FolderListing {
    /// Identifies a folder independently of the path that leads to it.
    struct Identity: Equatable {
        let device: UInt
        let inode: UInt
    }

    let path: String
    let identity: Identity
    private(set) var files: [String] = []
    private(set) var folders: [String] = []
    /// What is neither a file nor a folder: FIFOs, sockets and devices.
    private(set) var irregular: [String] = []
    /// Folders, and files with extensions of images, whose names are not UTF-8 text, with the wrong bytes replaced.
    /// Paths are handled as text, so these could not be opened.
    private(set) var foreign: [String] = []

    init(_ path: String) throws {
        guard let directory = opendir(path) else {
            throw PixNerdError(.fromErrno, "The folder \(path)", found: "cannot be listed: \(systemReason())")
        }
        defer { closedir(directory) }
        var status = stat()
        guard fstat(dirfd(directory), &status) == 0 else {
            throw PixNerdError(.system, "The folder \(path)", found: "cannot be listed: \(systemReason())")
        }
        self.path = path
        identity = Identity(device: UInt(status.st_dev), inode: UInt(status.st_ino))
        while let entry = readdir(directory) {
            let bytes = UnsafeRawPointer(entry).advanced(by: Self.nameOffset).assumingMemoryBound(to: CChar.self)
            guard bytes[0] != CChar(UInt8(ascii: ".")) else { continue }
            let kind = Self.kind(entry.pointee.d_type, name: bytes, in: directory)
            guard let name = String(validatingCString: bytes) else {
                let repaired = String(cString: bytes)
                if kind == .folder || PictureExtension(of: repaired) != nil { foreign.append(repaired) }
                continue
            }
            switch kind {
            case .file: files.append(name)
            case .folder: folders.append(name)
            case .irregular: irregular.append(name)
            }
        }
        files.sort(by: precedes)
        folders.sort(by: precedes)
        irregular.sort(by: precedes)
        foreign.sort(by: precedes)
    }

    /// A folder inside an archive.
    ///
    /// - Parameters:
    ///   - path: the path of the archive followed by that of the folder.
    ///   - files: the names of files, sorted.
    ///   - folders: the names of folders, sorted.
    ///   - foreign: names of images that are not UTF-8 text.
    init(path: String, files: [String], folders: [String], foreign: [String] = []) {
        self.path = path
        identity = Identity(device: 0, inode: 0)
        (self.files, self.folders, self.foreign) = (files, folders, foreign)
    }

    private static let nameOffset = MemoryLayout<dirent>.offset(of: \dirent.d_name)!

    private enum Kind {
        case file
        case folder
        case irregular
    }

    /// The kind of an entry, or of what it links to. Queries the file system only if the listing does not say. A broken
    /// link counts as a file, which cannot be read later.
    private static func kind(_ type: UInt8, name: UnsafePointer<CChar>, in directory: OpaquePointer) -> Kind {
        switch Int(type) {
        case Int(DT_REG): return .file
        case Int(DT_DIR): return .folder
        case Int(DT_LNK), Int(DT_UNKNOWN):
            var status = stat()
            guard fstatat(dirfd(directory), name, &status, 0) == 0 else { return .file }
            switch status.st_mode & S_IFMT {
            case S_IFREG: return .file
            case S_IFDIR: return .folder
            default: return .irregular
            }
        default: return .irregular
        }
    }
}

/// Whether a string sorts before another by Unicode code points, as UTF-8 bytes and Python's `sorted` do. Swift's `<`
/// differs: it compares normalised characters.
func precedes(_ left: String, _ right: String) -> Bool {
    let fast = left.utf8.withContiguousStorageIfAvailable { a in
        right.utf8.withContiguousStorageIfAvailable { b in
            let order = memcmp(a.baseAddress!, b.baseAddress!, min(a.count, b.count))
            return order != 0 ? order < 0 : a.count < b.count
        }
    }
    return fast.flatMap { $0 } ?? left.utf8.lexicographicallyPrecedes(right.utf8)
}

/// The path of a name inside a folder.
func joined(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
}

/// The place of a text in a sorted list, by bytes; nil if it is not there.
func index(of text: String, count: Int, _ element: (Int) -> String) -> Int? {
    var (low, high) = (0, count)
    while low < high {
        let middle = (low + high) / 2
        if precedes(element(middle), text) { low = middle + 1 } else { high = middle }
    }
    return low < count && element(low).utf8.elementsEqual(text.utf8) ? low : nil
}

/// The texts in order and without repetitions, compared by bytes: Swift takes two spellings of a letter as equal.
func sortedOnce(_ texts: some Sequence<String>) -> [String] {
    var found: [String] = []
    for text in texts.sorted(by: precedes) where found.last?.utf8.elementsEqual(text.utf8) != true {
        found.append(text)
    }
    return found
}
