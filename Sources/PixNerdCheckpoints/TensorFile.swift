import Foundation
import PixNerdSupport

/// A file of tensors in a supported format: `.safetensors`, or PyTorch's `.ckpt`, `.pt` and `.pth`.
///
/// Tensors have their published names, without the prefixes that wrappers add. Tensors are read on demand.
public struct TensorFile: StoredTensors {
    public enum Kind: String, Sendable {
        case safetensors = "safetensors"
        case torch = "PyTorch zip"
        case earlyTorch = "PyTorch before 1.6"
    }

    /// A tensor in the file that cannot be read.
    public struct Unreadable: Sendable {
        public let name: String
        /// Why it cannot be read; continues a sentence after "it is".
        public let reason: String
    }

    /// The contents of a file other than its readable tensors.
    public struct Notes: Sendable {
        /// Unknown classes and functions in the pickle, which were not run.
        public var skippedGlobals: [String] = []
        public var unreadable: [Unreadable] = []
        /// Keys next to the weights, such as `optimizer_states`.
        public var otherEntries: [String] = []
    }

    public let path: String
    public let kind: Kind
    /// The size of the file in bytes.
    public let size: Int
    public let names: [String]
    /// Strings about the whole file: `__metadata__` of safetensors, or the numbers and strings next to the weights.
    public let metadata: [String: String]
    public let notes: Notes
    private let contents: any StoredTensors
    /// Published names mapped to the names in the file, where they differ.
    private let storedNames: [String: String]

    public var origin: String { path }

    /// Opens a file. Its first bytes, not its name, determine the format.
    ///
    /// - Throws: `PixNerdError` if the file is missing, damaged, or of another format.
    public static func open(path: String) throws -> TensorFile {
        let file = try MappedFile(path: path)
        switch FileSignature(file.bytes) {
        case .zip: return TensorFile(torch: try TorchFile(file, isZip: true), .torch, size: file.bytes.count)
        case .earlyTorch:
            return TensorFile(torch: try TorchFile(file, isZip: false), .earlyTorch, size: file.bytes.count)
        case .safetensors:
            return try TensorFile(safetensors: SafetensorsFile(file), size: file.bytes.count)
        case .refused(let reason, let advice):
            throw PixNerdError(.unsupported, "\(path)", found: reason, advice: advice)
        case .unknown:
            // A file that is named .safetensors gets the error message of that format.
            guard path.hasSuffix(".safetensors") else {
                throw PixNerdError(
                    .malformed, "\(path)",
                    found: "is neither a .safetensors file nor a file written by torch.save (.ckpt, .pt, .pth)",
                    expected: "a checkpoint")
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

    private init(torch file: TorchFile, _ kind: Kind, size: Int) {
        self.init(
            path: file.path, kind: kind, size: size, names: file.names, metadata: file.metadata, notes: file.notes,
            contents: file, storedNames: [:])
    }

    private init(safetensors file: SafetensorsFile, size: Int) throws {
        var storedNames: [String: String] = [:]
        let names = file.names.map { stored in
            let name = publishedName(stored)
            if name != stored { storedNames[name] = stored }
            return name
        }
        guard Set(names).count == names.count else {
            throw PixNerdError(
                .malformed, "\(file.path):",
                found: "two tensors have the same name once module. and _orig_mod. are removed",
                advice: "save only one of them")
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

    /// The fingerprint that was recorded when the file was saved; nil for a file of another program or format.
    public var recordedFingerprint: String? { (contents as? SafetensorsFile)?.recordedFingerprint }

    /// Checks the bytes of the file against the fingerprint that was recorded when it was saved. Does nothing for a file
    /// without one.
    ///
    /// - Throws: `PixNerdError` if they differ.
    public func checkFingerprint() throws { try (contents as? SafetensorsFile)?.checkFingerprint() }

    public func releasePages() { contents.releasePages() }
}

/// The format of a file, determined by its first bytes.
private enum FileSignature {
    case zip
    case earlyTorch
    case safetensors
    /// A known format that is not supported: what the file is, and what to do about it.
    case refused(ErrorText, advice: ErrorText)
    case unknown

    init(_ bytes: UnsafeRawBufferPointer) {
        func begins(with start: [UInt8]) -> Bool { bytes.prefix(start.count).elementsEqual(start) }
        func begins(with start: String) -> Bool { bytes.prefix(start.utf8.count).elementsEqual(start.utf8) }
        if bytes.count > 8, bytes[8] == UInt8(ascii: "{") {
            self = .safetensors
        } else if begins(with: [0x50, 0x4b, 0x03, 0x04]) || begins(with: [0x50, 0x4b, 0x05, 0x06]) {
            self = .zip
        } else if SequentialStorages.begins(bytes) {
            self = .earlyTorch
        } else if begins(with: [0x80]) {
            self = .refused("is a bare pickle, which is not supported", advice: "save the state dict with torch.save")
        } else if bytes.count > 262, bytes[257..<262].elementsEqual("ustar".utf8) {
            self = .refused("is a tar file", advice: "unpack it and name the checkpoint in it")
        } else if begins(with: [0x1f, 0x8b]) {
            self = .refused("is compressed by gzip", advice: "unpack it first")
        } else if begins(with: [0x93] + Array("NUMPY".utf8)) {
            self = .refused("is an array of numpy", advice: "name a file of tensors")
        } else if begins(with: [0x89] + Array("HDF".utf8)) {
            self = .refused("is an HDF5 file", advice: "save its weights as .safetensors")
        } else if begins(with: "GGUF") {
            self = .refused("is a GGUF file", advice: "use the .safetensors that it was made from")
        } else if begins(with: "version https://git-lfs") {
            self = .refused("is only a git-lfs pointer", advice: "fetch the file with git lfs pull")
        } else {
            self = .unknown
        }
    }
}
