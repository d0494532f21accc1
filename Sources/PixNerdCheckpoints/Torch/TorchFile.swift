import Foundation
import PixNerdSupport
import PixNerdTensors

/// The weights in a file written by `torch.save`, memory-mapped and read on demand.
///
/// Format: a pickle that refers to storages by key, and the bytes of the storages. Since PyTorch 1.6 they are entries of
/// a zip file, `<stem>/data.pkl` and `<stem>/data/<key>` (see torch.save in PyTorch's documentation); before, they stood
/// one behind the other (see `SequentialStorages`). Tensors have their published names.
final class TorchFile: StoredTensors {
    /// A tensor whose view of its storage has been validated.
    private struct View {
        let key: String
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
    private let storages: any TorchStorages
    private let views: [String: View]

    var origin: String { path }

    /// The largest tensor, in elements, that may repeat elements of its storage.
    private static let largestExpanded = 1 << 24

    /// - Parameter isZip: whether the file has the format of PyTorch 1.6 or later, and not the earlier one.
    /// - Throws: `PixNerdError` if the file is damaged, of another format, or contains no weights.
    init(_ file: MappedFile, isZip: Bool) throws {
        path = file.path
        self.file = file
        let (pickle, storages): (Pickle, any TorchStorages) =
            isZip ? try ZipStorages.read(file) : try SequentialStorages.read(file)
        self.storages = storages
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
            let view = try Self.view(tensor, type, name, storages, path: path)
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

    /// The element type of a tensor; nil if it is not supported.
    private static func type(of tensor: TorchTensor) -> ElementType? {
        if let name = tensor.typeName { return Pickle.elementTypes[name] }
        return Pickle.elementType(ofStorage: tensor.storage.className)
    }

    private static func view(
        _ tensor: TorchTensor, _ type: ElementType, _ name: String, _ storages: any TorchStorages, path: String
    ) throws -> View {
        func refuse(_ reason: ErrorText, advice: ErrorText? = nil) -> PixNerdError {
            PixNerdError(.malformed, "\(path): the tensor \(name)", found: reason, advice: advice)
        }
        let storage = tensor.storage
        let label = storages.label(storage.key)
        guard let size = storages.size(storage.key) else {
            throw refuse("is in \(label), which the file lacks", advice: "download or save the file again")
        }
        let offset = CheckedInt(storage.start) + CheckedInt(tensor.offset)
        var last = offset
        for (side, stride) in zip(tensor.shape, tensor.strides) where side > 0 {
            last += CheckedInt(side - 1) * CheckedInt(stride)
        }
        guard tensor.offset >= 0, tensor.strides.allSatisfy({ $0 >= 0 }), let count = elementCount(tensor.shape),
            let offset = offset.value, let needed = ((last + 1) * CheckedInt(type.size)).value
        else {
            throw refuse("has the impossible shape \(tensor.shape) with strides \(tensor.strides)")
        }
        guard count == 0 || needed <= size else {
            throw refuse(
                "needs \(needed) bytes of \(label), which has \(size)", advice: "download or save the file again")
        }
        guard count * type.size <= size || count <= largestExpanded else {
            throw refuse(
                "repeats \(size) bytes to a shape of \(tensor.shape)", advice: "make it contiguous() and save it again")
        }
        return View(
            key: storage.key, type: type, offset: offset, shape: tensor.shape, strides: tensor.strides, count: count)
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
        try file.checkLength()
        let contents = try storages.contents(view.key)
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
