import Foundation
import PixNerdSupport

/// A file of tensors of a kind that is read: `.safetensors`, or PyTorch's `.ckpt`, `.pt` and `.pth`.
///
/// Tensors have their published names, without what wrappers put before them. Only what is asked for is read.
public struct TensorFile: StoredTensors {
    public enum Kind: String, Sendable {
        case safetensors = "safetensors"
        case torch = "PyTorch zip"
    }

    /// A tensor that is in the file and cannot be read.
    public struct Unreadable: Sendable {
        public let name: String
        /// Continues "it is".
        public let reason: String
    }

    /// What a file holds beside the tensors that are read.
    public struct Notes: Sendable {
        /// Classes and functions in the pickle that are not known and were not run.
        public var skippedGlobals: [String] = []
        public var unreadable: [Unreadable] = []
        /// Keys beside the weights, such as `optimizer_states`.
        public var otherEntries: [String] = []
    }

    public let path: String
    public let kind: Kind
    /// Bytes of the file.
    public let size: Int
    public let names: [String]
    /// Strings about the whole file: safetensors' `__metadata__`, or the numbers and strings beside the weights.
    public let metadata: [String: String]
    public let notes: Notes
    private let contents: any StoredTensors
    /// The names in the file that wrappers changed, by their published names.
    private let storedNames: [String: String]

    public var origin: String { path }

    /// Opens a file, whose kind is told by its first bytes, not by its name.
    ///
    /// - Throws: `CheckpointError` in one sentence where it is missing, damaged, or of another kind.
    public static func open(path: String) throws -> TensorFile {
        let file = try MappedFile(path: path)
        switch FileSignature(file.bytes) {
        case .zip:
            let torch = try TorchFile(file)
            return TensorFile(
                path: path, kind: .torch, size: file.bytes.count, names: torch.names, metadata: torch.metadata,
                notes: torch.notes, contents: torch, storedNames: [:])
        case .safetensors:
            return try TensorFile(safetensors: SafetensorsFile(file), size: file.bytes.count)
        case .refused(let reason):
            throw CheckpointError("\(path) \(reason).")
        case .unknown:
            // A name that promises safetensors deserves safetensors' own complaint.
            guard path.hasSuffix(".safetensors") else {
                throw CheckpointError(
                    "\(path) is neither a .safetensors file nor a file of torch.save (.ckpt, .pt, .pth); "
                        + "name a checkpoint.")
            }
            return try TensorFile(safetensors: SafetensorsFile(file), size: file.bytes.count)
        }
    }

    private init(
        path: String, kind: Kind, size: Int, names: [String], metadata: [String: String], notes: Notes,
        contents: any StoredTensors, storedNames: [String: String]
    ) {
        self.path = path
        self.kind = kind
        self.size = size
        self.names = names
        self.metadata = metadata
        self.notes = notes
        self.contents = contents
        self.storedNames = storedNames
    }

    private init(safetensors file: SafetensorsFile, size: Int) throws {
        var storedNames: [String: String] = [:]
        let names = file.names.map { stored in
            let name = publishedName(stored)
            if name != stored { storedNames[name] = stored }
            return name
        }
        guard Set(names).count == names.count else {
            throw CheckpointError(
                "\(file.path): two tensors have the same name once module. and _orig_mod. are taken away; "
                    + "save one of them.")
        }
        self.init(
            path: file.path, kind: .safetensors, size: size, names: names, metadata: file.metadata, notes: Notes(),
            contents: file, storedNames: storedNames)
    }

    public func shape(of name: String) -> [Int]? { contents.shape(of: storedNames[name] ?? name) }

    public func elementType(of name: String) -> ElementType? { contents.elementType(of: storedNames[name] ?? name) }

    public func elements(of name: String) throws -> StoredElements {
        try contents.elements(of: storedNames[name] ?? name)
    }

    public func releasePages() { contents.releasePages() }
}

/// What a file is, by its first bytes.
private enum FileSignature {
    case zip
    case safetensors
    /// Something that is known and not read; continues the sentence that begins with the path.
    case refused(String)
    case unknown

    init(_ bytes: UnsafeRawBufferPointer) {
        func begins(with start: [UInt8]) -> Bool { bytes.prefix(start.count).elementsEqual(start) }
        func begins(with start: String) -> Bool { bytes.prefix(start.utf8.count).elementsEqual(start.utf8) }
        if bytes.count > 8, bytes[8] == UInt8(ascii: "{") {
            self = .safetensors
        } else if begins(with: [0x50, 0x4b, 0x03, 0x04]) || begins(with: [0x50, 0x4b, 0x05, 0x06]) {
            self = .zip
        } else if begins(with: [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20]) {
            self = .refused(
                "is of the format before PyTorch 1.6; load it with torch.load and save it again with torch.save")
        } else if begins(with: [0x80]) {
            self = .refused("is a bare pickle, which is not read; save the state dict with torch.save")
        } else if begins(with: "version https://git-lfs") {
            self = .refused("is only git-lfs's note of where the file is; fetch it with git lfs pull")
        } else {
            self = .unknown
        }
    }
}
