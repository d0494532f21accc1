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
    /// The strings in `__metadata__`, without the fingerprint.
    public let metadata: [String: String]
    /// The fingerprint that was recorded when the file was saved; nil for a file of another program.
    public let recordedFingerprint: String?
    private let headerLength: Int
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
        recordedFingerprint = header.fingerprint
        headerLength = header.length
        entries = header.entries
    }

    public func shape(of name: String) -> [Int]? { entries[name]?.shape }

    public func elementType(of name: String) -> ElementType? { entries[name]?.type }

    public func elements(of name: String) throws -> StoredElements {
        guard let entry = entries[name] else {
            throw PixNerdError(.notFound, "\(path)", found: "lacks the tensor \(name)")
        }
        try file.checkLength()
        let end = entry.start + entry.count * entry.type.size
        return StoredElements(
            type: entry.type, shape: entry.shape,
            bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.start..<end]),
            owner: file)
    }

    /// Checks the bytes of the file against the fingerprint that was recorded when it was saved. Does nothing for a file
    /// without one.
    ///
    /// - Throws: `PixNerdError` if they differ, or if the file has become shorter since it was opened.
    public func checkFingerprint() throws {
        guard let recorded = recordedFingerprint else { return }
        var fingerprint = Fingerprint()
        SafetensorsFingerprint.addHeader(
            UnsafeRawBufferPointer(rebasing: file.bytes.prefix(headerLength)), recorded, to: &fingerprint)
        try file.add(to: &fingerprint, from: headerLength)
        guard fingerprint.text == recorded else {
            throw PixNerdError(
                .malformed, "\(path)",
                found: "is damaged: the fingerprint of its bytes is \(fingerprint.text)",
                expected: "\(recorded), which was recorded when it was saved",
                advice: "use another copy of it or an earlier step")
        }
    }

    public func releasePages() { file.releasePages() }
}
