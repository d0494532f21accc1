import Foundation
import PixNerdSupport
import PixNerdTensors

/// A memory-mapped `.safetensors` file. float32 tensors are used in place, others are converted when read.
///
/// Format: u64 little-endian header length, a JSON header, then the data (huggingface/safetensors README).
public final class SafetensorsFile: StoredTensors {
    struct Entry {
        let type: ElementType
        let shape: [Int]
        let start: Int
        let count: Int
    }

    public let path: String
    public let names: [String]
    /// The strings in `__metadata__`.
    public let metadata: [String: String]
    private let file: MappedFile
    private let entries: [String: Entry]

    public var origin: String { path }

    /// - Throws: `PixNerdError` if the file is missing, cut short, or not a `.safetensors` file.
    public convenience init(path: String) throws { try self.init(MappedFile(path: path)) }

    init(_ file: MappedFile) throws {
        let header = try SafetensorsHeader(file.bytes, path: file.path)
        path = file.path
        self.file = file
        names = header.names
        metadata = header.metadata
        entries = header.entries
    }

    public func shape(of name: String) -> [Int]? { entries[name]?.shape }

    public func elementType(of name: String) -> ElementType? { entries[name]?.type }

    public func elements(of name: String) throws -> StoredElements {
        guard let entry = entries[name] else {
            throw PixNerdError(.notFound, "\(path)", found: "lacks the tensor \(name)")
        }
        let end = entry.start + entry.count * entry.type.size
        return StoredElements(
            type: entry.type, shape: entry.shape,
            bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.start..<end]),
            owner: file)
    }

    public func releasePages() { file.releasePages() }
}
