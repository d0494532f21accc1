import Foundation
import PixNerdSupport
import PixNerdTensors

/// The weights in a file written by `torch.save` (PyTorch 1.6 or later, a zip file), memory-mapped and read on demand.
///
/// Format: `<stem>/data.pkl`, a pickle that refers to storages by key, and `<stem>/data/<key>`, their bytes; see
/// torch.save in PyTorch's documentation. Tensors have their published names.
final class TorchFile: StoredTensors {
    /// A tensor whose view of its storage has been validated.
    private struct View {
        let entry: String
        let type: ElementType
        let offset: Int
        let shape: [Int]
        let strides: [Int]
        let count: Int

        var isContiguous: Bool {
            var expected = 1
            for (side, stride) in zip(shape, strides).reversed() where side != 1 {
                guard stride == expected else { return false }
                expected *= side
            }
            return true
        }
    }

    let path: String
    let names: [String]
    let metadata: [String: String]
    let notes: TensorFile.Notes
    private let file: MappedFile
    private let archive: ZipArchive
    private let views: [String: View]

    var origin: String { path }

    /// The largest tensor, in elements, that may repeat elements of its storage.
    private static let largestExpanded = 1 << 24

    /// - Throws: `PixNerdError` if the file is damaged, of another format, or contains no weights.
    init(_ file: MappedFile) throws {
        path = file.path
        self.file = file
        archive = try ZipArchive(file)
        let root = try Self.root(archive, path: path)
        let contents = try archive.contents("\(root)data.pkl")
        let pickle = try withExtendedLifetime(contents.owner) { try Unpickler.read(contents.bytes, origin: file.path) }
        let weights = try StateDict(pickle, origin: path)
        var names: [String] = []
        var views: [String: View] = [:]
        var unreadable = weights.unreadable.map { TensorFile.Unreadable(name: $0.name, reason: "made by \($0.maker)") }
        for (name, tensor) in weights.tensors {
            guard let type = Self.type(of: tensor) else {
                let typeName = tensor.typeName ?? tensor.storage.className
                unreadable.append(TensorFile.Unreadable(name: name, reason: "of the type \(typeName)"))
                continue
            }
            let view = try Self.view(tensor, type, name, root: root, archive, path: path)
            guard views.updateValue(view, forKey: name) == nil else {
                throw PixNerdError(
                    .malformed, "\(path):",
                    found: "two tensors are called \(name) once module. and _orig_mod. are removed",
                    advice: "save only one of them")
            }
            names.append(name)
        }
        self.names = names
        self.views = views
        metadata = weights.metadata
        notes = TensorFile.Notes(
            skippedGlobals: pickle.skippedGlobals, unreadable: unreadable, otherEntries: weights.otherEntries)
    }

    /// The root folder of the archive, with a trailing slash.
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
        if archive.entries["\(root)byteorder"] != nil {
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

    /// The element type of a tensor; nil if it is not supported.
    private static func type(of tensor: TorchTensor) -> ElementType? {
        if let name = tensor.typeName { return Pickle.elementTypes[name] }
        return Pickle.storageTypes[tensor.storage.className]
    }

    private static func view(
        _ tensor: TorchTensor, _ type: ElementType, _ name: String, root: String, _ archive: ZipArchive, path: String
    ) throws -> View {
        func refuse(_ reason: ErrorText, advice: ErrorText? = nil) -> PixNerdError {
            PixNerdError(.malformed, "\(path): the tensor \(name)", found: reason, advice: advice)
        }
        let entryName = "\(root)data/\(tensor.storage.key)"
        guard let entry = archive.entries[entryName] else {
            throw refuse("is in \(entryName), which the file lacks", advice: "download or save the file again")
        }
        var (count, last, overflow) = (1, tensor.offset, tensor.offset < 0)
        for (side, stride) in zip(tensor.shape, tensor.strides) {
            guard side >= 0, stride >= 0 else { throw refuse("has the impossible shape \(tensor.shape)") }
            let (product, tooMany) = count.multipliedReportingOverflow(by: side)
            let (reach, tooFar) = max(side - 1, 0).multipliedReportingOverflow(by: stride)
            let (sum, beyond) = last.addingReportingOverflow(reach)
            let isTooLarge = tooMany || tooFar || beyond || product >= Int.max / 16 || sum >= Int.max / 16
            (count, last, overflow) = (product, sum, overflow || isTooLarge)
        }
        guard !overflow, last < Int.max / 16 else {
            throw refuse("has the impossible shape \(tensor.shape) with strides \(tensor.strides)")
        }
        guard count == 0 || (last + 1) * type.size <= entry.size else {
            throw refuse(
                "needs \((last + 1) * type.size) bytes of \(entryName), which has \(entry.size)",
                advice: "download or save the file again")
        }
        guard count * type.size <= entry.size || count <= largestExpanded else {
            throw refuse(
                "repeats \(entry.size) bytes to a shape of \(tensor.shape)",
                advice: "make it contiguous() and save it again")
        }
        return View(
            entry: entryName, type: type, offset: tensor.offset, shape: tensor.shape, strides: tensor.strides,
            count: count)
    }

    func shape(of name: String) -> [Int]? { views[name]?.shape }

    func elementType(of name: String) -> ElementType? { views[name]?.type }

    func elements(of name: String) throws -> StoredElements {
        guard let view = views[name] else {
            throw PixNerdError(.notFound, "\(path)", found: "lacks the tensor \(name)")
        }
        guard view.count > 0 else {
            let nothing = ByteBlock(count: 0)
            return StoredElements(
                type: view.type, shape: view.shape, bytes: UnsafeRawBufferPointer(rebasing: nothing.bytes[..<0]),
                owner: nothing)
        }
        let contents = try archive.contents(view.entry)
        let size = view.type.size
        guard view.isContiguous else {
            let block = ByteBlock(count: view.count * size)
            withExtendedLifetime(contents.owner) {
                gather(contents.bytes, view.offset, view.shape, view.strides, size: size, into: block.bytes)
            }
            let bytes = UnsafeRawBufferPointer(rebasing: block.bytes.prefix(view.count * size))
            return StoredElements(type: view.type, shape: view.shape, bytes: bytes, owner: block)
        }
        let range = view.offset * size..<(view.offset + view.count) * size
        return StoredElements(
            type: view.type, shape: view.shape, bytes: UnsafeRawBufferPointer(rebasing: contents.bytes[range]),
            owner: contents.owner)
    }

    func releasePages() { file.releasePages() }
}
