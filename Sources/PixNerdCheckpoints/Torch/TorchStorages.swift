import PixNerdSupport
import PixNerdZip

/// The bytes of the storages that a pickle of `torch.save` refers to, wherever the format of the file puts them.
protocol TorchStorages: Sendable {
    /// The name of a storage in messages, such as that of its zip entry.
    func label(_ key: String) -> String
    /// The size of a storage in bytes; nil if the file lacks it.
    func size(_ key: String) -> Int?
    /// The bytes of a storage, in place if the file stores them that way.
    func contents(_ key: String) throws -> ZipArchive.Contents
}

/// The storages of a zip file, each an entry `<root>data/<key>`.
struct ZipStorages: TorchStorages {
    let archive: ZipArchive
    /// The root folder of the archive, with a trailing slash.
    let root: String

    /// The values in the pickle of a zip file, and where the storages are.
    ///
    /// - Throws: `PixNerdError` if the file is not one of `torch.save`, or damaged.
    static func read(_ file: MappedFile) throws -> (pickle: Pickle, storages: ZipStorages) {
        let archive = try ZipArchive(file)
        let root = try root(archive, path: file.path)
        let name = "\(root)data.pkl"
        // Before a compressed pickle is unpacked.
        try Unpickler.checkSize(archive.entries[name]?.size ?? 0, origin: file.path)
        let contents = try archive.contents(name)
        let pickle = try withExtendedLifetime(contents.owner) {
            try Unpickler.read(contents.bytes, origin: file.path, place: "its data.pkl")
        }
        return (pickle, ZipStorages(archive: archive, root: root))
    }

    /// The longest text of a byte order.
    private static let longestOrder = 100

    private static func root(_ archive: ZipArchive, path: String) throws -> String {
        let suffix = "data.pkl"
        let roots = archive.entries.keys.filter { $0 == suffix || $0.hasSuffix("/\(suffix)") }
            .map { String($0.dropLast(suffix.count)) }
        guard let root = roots.min(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }) else {
            throw PixNerdError(
                .malformed, "\(path)", found: "is a zip file but not PyTorch's: it lacks data.pkl",
                expected: "a file written by torch.save")
        }
        guard archive.entries["\(root)constants.pkl"] == nil else {
            throw PixNerdError(
                .unsupported, "\(path)", found: "is a TorchScript program, which is not run",
                advice: "load it with torch.jit.load and save its state_dict() with torch.save")
        }
        if let entry = archive.entries["\(root)byteorder"] {
            guard entry.size <= longestOrder else { throw archive.cutShort("\(root)byteorder") }
            let contents = try archive.contents("\(root)byteorder")
            let order = withExtendedLifetime(contents.owner) {
                String(decoding: contents.bytes.prefix(16), as: UTF8.self)
            }
            guard order == "little" else {
                throw PixNerdError(
                    .unsupported, "\(path)", found: "has the byte order '\(order)', only little is supported",
                    advice: "save it again on a little-endian machine")
            }
        }
        return root
    }

    func label(_ key: String) -> String { "\(root)data/\(key)" }

    func size(_ key: String) -> Int? { archive.entries[label(key)]?.size }

    func contents(_ key: String) throws -> ZipArchive.Contents { try archive.contents(label(key)) }
}
