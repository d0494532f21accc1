import PixNerdSupport
import PixNerdZip

/// The storages of a file that `torch.save` wrote before PyTorch 1.6, one behind the other.
///
/// Format: five pickles, which are a magic number, the version 1001, a description of the machine, the saved object and
/// the keys of its storages; then for each key the number of elements (8 bytes) and the elements. See `_legacy_save` in
/// PyTorch's `torch/serialization.py`.
struct SequentialStorages: TorchStorages {
    private let file: MappedFile
    private let places: [String: Range<Int>]

    /// The magic number as it stands in the first pickle, after the protocol and perhaps a frame.
    private static let magic: [UInt8] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
    private static let version = 1001
    private static let subject = "the file"

    /// Whether a file begins like one of this format.
    static func begins(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.first == 0x80 && [2, 11].contains { bytes.dropFirst($0).starts(with: magic) }
    }

    /// The values in the pickle of a file, and where the storages are.
    ///
    /// - Throws: `PixNerdError` if the file is damaged or from a big-endian machine.
    static func read(_ file: MappedFile) throws -> (pickle: Pickle, storages: SequentialStorages) {
        var position = 0
        func next() throws -> Pickle {
            try Unpickler.read(file.bytes, from: &position, origin: file.path, place: subject)
        }
        _ = try next()
        guard case .integer(version) = try next().root else {
            throw damaged(file, "its version is not \(version)")
        }
        let machine = try next()
        for (key, value) in machine.dictionary(machine.root) ?? [] where key == "little_endian" {
            guard case .boolean(true) = value else {
                throw PixNerdError(
                    .unsupported, "\(file.path)", found: "was saved on a big-endian machine, which is not supported",
                    advice: "save it again on a little-endian machine")
            }
        }
        let pickle = try next()
        let keys = try next()
        guard let items = keys.items(keys.root) else { throw damaged(file, "the list of its storages is missing") }
        let sizes = try elementSizes(pickle, file)
        var places: [String: Range<Int>] = [:]
        for item in items {
            guard case .string(let key) = item, let size = sizes[key], places[key] == nil else {
                throw damaged(file, "the list of its storages does not fit its tensors")
            }
            places[key] = try storage(key, elementSize: size, at: &position, of: file)
        }
        return (pickle, SequentialStorages(file: file, places: places))
    }

    /// The bytes of each element, by the storage's key.
    private static func elementSizes(_ pickle: Pickle, _ file: MappedFile) throws -> [String: Int] {
        var sizes: [String: Int] = [:]
        for storage in pickle.storages {
            guard let size = Pickle.elementSize(ofStorage: storage.className) else {
                throw PixNerdError(
                    .unsupported, "\(file.path)", found: "has a storage of the unknown type \(storage.className)",
                    advice: "load it with torch.load and save its state_dict() with torch.save")
            }
            guard sizes.updateValue(size, forKey: storage.key) ?? size == size else {
                throw damaged(file, "its storage \(storage.key) has two types")
            }
        }
        return sizes
    }

    /// The place of the storage that begins at a position, which then becomes that of its end.
    private static func storage(
        _ key: String, elementSize: Int, at position: inout Int, of file: MappedFile
    ) throws -> Range<Int> {
        let cutShort = "it ends within the storage \(key)"
        guard file.bytes.count - position >= 8 else { throw damaged(file, cutShort) }
        let count = Int(Int64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: position, as: Int64.self)))
        position += 8
        guard count >= 0, let size = (CheckedInt(count) * CheckedInt(elementSize)).value,
            size <= file.bytes.count - position
        else { throw damaged(file, cutShort) }
        defer { position += size }
        return position..<position + size
    }

    private static func damaged(_ file: MappedFile, _ reason: String) -> PixNerdError {
        PixNerdError(
            .malformed, "\(file.path)",
            found: "begins like a file of a PyTorch before 1.6 but is cut short or damaged: \(reason)",
            advice: "download or save it again")
    }

    func label(_ key: String) -> String { "the storage \(key)" }

    func size(_ key: String) -> Int? { places[key]?.count }

    func contents(_ key: String) throws -> ZipArchive.Contents {
        guard let place = places[key] else {
            throw PixNerdError(.malformed, "\(file.path)", found: "lacks the storage \(key)")
        }
        return ZipArchive.Contents(bytes: UnsafeRawBufferPointer(rebasing: file.bytes[place]), owner: file)
    }
}
