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
            let isFolder = Self.isFolder(entry.pointee.d_type, name: bytes, in: directory)
            // Paths are handled as text, so a name that is not valid text could not be opened later.
            guard let name = String(validatingCString: bytes) else {
                throw PixNerdError(
                    .unsupported, "\(joined(path, String(cString: bytes)))", found: "has a name that is not UTF-8 text",
                    advice: "rename it")
            }
            if isFolder { folders.append(name) } else { files.append(name) }
        }
        files.sort(by: precedes)
        folders.sort(by: precedes)
    }

    private static let nameOffset = MemoryLayout<dirent>.offset(of: \dirent.d_name)!

    /// Whether an entry is a folder or a link to one. Queries the file system only if the listing does not say.
    private static func isFolder(_ type: UInt8, name: UnsafePointer<CChar>, in directory: OpaquePointer) -> Bool {
        switch Int(type) {
        case Int(DT_DIR): return true
        case Int(DT_LNK), Int(DT_UNKNOWN):
            var status = stat()
            return fstatat(dirfd(directory), name, &status, 0) == 0 && status.st_mode & S_IFMT == S_IFDIR
        default: return false
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
