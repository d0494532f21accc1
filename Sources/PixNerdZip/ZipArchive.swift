import CPixNerdZip
import Foundation
import PixNerdSupport

/// A zip file, read through libzip from mapped memory.
///
/// libzip does not reveal where the data of an entry is. But it reads the file through `ZipBytes`, which notes the
/// position of the first byte read of an uncompressed entry; the data is then used in place, in the mapping. This needs
/// neither a copy nor a second zip parser that might disagree with libzip's. Checksums of such entries are not
/// verified, as in PyTorch, which can save files without them.
///
/// `@unchecked Sendable`: libzip's handle is used under `lock`.
package final class ZipArchive: @unchecked Sendable {
    package struct Entry {
        fileprivate let index: UInt64
        fileprivate let method: Int32
        fileprivate let isEncrypted: Bool
        fileprivate let compressedSize: Int
        /// The uncompressed size in bytes.
        package let size: Int
    }

    /// Bytes and the object that keeps them alive.
    package struct Contents {
        package let bytes: UnsafeRawBufferPointer
        package let owner: AnyObject

        package init(bytes: UnsafeRawBufferPointer, owner: AnyObject) {
            self.bytes = bytes
            self.owner = owner
        }
    }

    private let file: MappedFile
    private let source: ZipBytes
    private let handle: OpaquePointer
    private let lock = NSLock()
    /// The entries by their names, which are UTF-8 text.
    package let entries: [String: Entry]
    /// Names that are not UTF-8 text, with the wrong bytes replaced, sorted.
    package let foreignNames: [String]

    /// A ratio above the limit of deflate, which writes at least one bit per 129 bytes.
    private static let largestRatio = 1100

    /// - Throws: `PixNerdError` if libzip cannot read the file's directory.
    package init(_ file: MappedFile) throws {
        self.file = file
        source = ZipBytes(file.bytes)
        handle = try source.open(path: file.path)
        do {
            (entries, foreignNames) = try Self.list(handle, path: file.path)
        } catch {
            zip_discard(handle)
            throw error
        }
    }

    deinit { zip_discard(handle) }

    private static func list(
        _ handle: OpaquePointer, path: String
    ) throws -> (entries: [String: Entry], foreign: [String]) {
        var entries: [String: Entry] = [:]
        var foreign: [String] = []
        for index in 0..<UInt64(max(0, zip_get_num_entries(handle, 0))) {
            var status = zip_stat_t()
            // Raw, as libzip would take a name that is not marked as UTF-8 for one in the character set of DOS.
            let flags = UInt32(ZIP_FL_ENC_RAW)
            guard zip_stat_index(handle, index, flags, &status) == 0, let bytes = status.name else { continue }
            guard let name = String(validatingCString: bytes) else {
                foreign.append(String(cString: bytes))
                continue
            }
            guard let size = Int(exactly: status.size), let compressed = Int(exactly: status.comp_size) else {
                throw PixNerdError(.malformed, "\(path)", found: "is damaged: its entry \(name) has an impossible size")
            }
            let entry = Entry(
                index: index, method: Int32(status.comp_method), isEncrypted: status.encryption_method != 0,
                compressedSize: compressed, size: size)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw PixNerdError(.malformed, "\(path)", found: "is damaged: its entry \(name) occurs twice")
            }
        }
        return (entries, foreign.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    /// The contents of an entry, in place if they are not compressed.
    ///
    /// - Throws: `PixNerdError` if they are cut short, or compressed by an unsupported method.
    package func contents(_ name: String) throws -> Contents {
        let entry = try entry(name)
        return try lock.withLock {
            if entry.method == ZIP_CM_STORE, let range = try place(of: entry, name) {
                return Contents(bytes: UnsafeRawBufferPointer(rebasing: file.bytes[range]), owner: file)
            }
            return try unpacked(entry, name)
        }
    }

    /// The bytes of the file that an uncompressed entry lies in.
    ///
    /// - Returns: nil if the entry is empty, or compressed.
    /// - Throws: `PixNerdError` if it is encrypted, or cut short.
    package func range(_ name: String) throws -> Range<Int>? {
        let entry = try entry(name)
        guard entry.method == ZIP_CM_STORE else { return nil }
        return try lock.withLock { try place(of: entry, name) }
    }

    /// Whether the contents of an entry are stored uncompressed.
    package func isStored(_ name: String) -> Bool { entries[name]?.method == ZIP_CM_STORE }

    /// A reader of an entry from its beginning, which decompresses on demand.
    package func reader(_ name: String) throws -> EntryReader {
        let entry = try entry(name)
        return try lock.withLock { EntryReader(archive: self, name: name, stream: try stream(entry, name, flags: 0)) }
    }

    /// The entry of a name, checked to be readable.
    private func entry(_ name: String) throws -> Entry {
        guard let entry = entries[name] else {
            throw PixNerdError(.malformed, "\(file.path)", found: "is incomplete: it lacks the entry \(name)")
        }
        guard !entry.isEncrypted, entry.method == ZIP_CM_STORE || entry.method == ZIP_CM_DEFLATE else {
            throw PixNerdError(
                .unsupported, "\(file.path):",
                found: "the entry \(name) is encrypted or compressed by method \(entry.method), which is not supported",
                advice: "save the file again without either")
        }
        guard entry.compressedSize <= file.bytes.count else { throw cutShort(name) }
        let ratio = entry.size / max(entry.compressedSize, 1)
        guard entry.method == ZIP_CM_STORE ? entry.size == entry.compressedSize : ratio <= Self.largestRatio else {
            throw PixNerdError(
                .malformed, "\(file.path)",
                found: "is damaged: the entry \(name) cannot expand from \(entry.compressedSize) to \(entry.size) bytes"
            )
        }
        return entry
    }

    /// The place of an uncompressed entry in the mapping; nil if libzip's reads do not reveal it.
    private func place(of entry: Entry, _ name: String) throws -> Range<Int>? {
        guard entry.size > 0 else { return nil }
        let stream = try stream(entry, name, flags: UInt32(ZIP_FL_COMPRESSED))
        defer { zip_fclose(stream) }
        var byte: UInt8 = 0
        source.lastRead = nil
        guard zip_fread(stream, &byte, 1) == 1, let read = source.lastRead, read.count == 1 else { return nil }
        guard entry.size <= file.bytes.count - read.lowerBound else { throw cutShort(name) }
        return read.lowerBound..<read.lowerBound + entry.size
    }

    private func unpacked(_ entry: Entry, _ name: String) throws -> Contents {
        let stream = try stream(entry, name, flags: 0)
        defer { zip_fclose(stream) }
        let block = ByteBlock(count: entry.size)
        let bytes = UnsafeMutableRawBufferPointer(rebasing: block.bytes.prefix(entry.size))
        guard Self.fill(bytes, from: stream) == bytes.count, Self.isAtEnd(stream) else { throw cutShort(name) }
        return Contents(bytes: UnsafeRawBufferPointer(bytes), owner: block)
    }

    /// Reads until `bytes` is full or the entry ends.
    ///
    /// - Returns: the number of bytes read.
    private static func fill(_ bytes: UnsafeMutableRawBufferPointer, from stream: OpaquePointer) -> Int {
        var filled = 0
        while filled < bytes.count {
            let part = min(bytes.count - filled, 1 << 24)
            let count = zip_fread(stream, bytes.baseAddress! + filled, UInt64(part))
            guard count > 0 else { break }
            filled += Int(count)
        }
        return filled
    }

    /// Whether an entry has been read to its end, where libzip verifies the checksum.
    private static func isAtEnd(_ stream: OpaquePointer) -> Bool {
        var byte: UInt8 = 0
        return zip_fread(stream, &byte, 1) == 0
    }

    /// A sequential reader of an entry, for use by one thread.
    package final class EntryReader {
        private let archive: ZipArchive
        private let name: String
        private let stream: OpaquePointer

        // Not inlined; see ByteBlock.
        @inline(never)
        fileprivate init(archive: ZipArchive, name: String, stream: OpaquePointer) {
            self.archive = archive
            self.name = name
            self.stream = stream
        }

        deinit { _ = archive.lock.withLock { zip_fclose(stream) } }

        /// Reads until `bytes` is full or the entry ends.
        ///
        /// - Returns: the number of bytes read.
        package func fill(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
            archive.lock.withLock { ZipArchive.fill(bytes, from: stream) }
        }

        /// Checks that the entry has been read to its end and that its checksum is correct.
        ///
        /// - Throws: `PixNerdError` otherwise.
        package func finish() throws {
            guard archive.lock.withLock({ ZipArchive.isAtEnd(stream) }) else { throw archive.cutShort(name) }
        }
    }

    private func stream(_ entry: Entry, _ name: String, flags: UInt32) throws -> OpaquePointer {
        guard let stream = zip_fopen_index(handle, entry.index, flags) else {
            let reason = zip_get_error(handle).map { String(cString: zip_error_strerror($0)) } ?? "unknown"
            throw PixNerdError(.malformed, "\(file.path):", found: "the entry \(name) cannot be read: \(reason)")
        }
        return stream
    }

    package func cutShort(_ name: String) -> PixNerdError {
        PixNerdError(
            .malformed, "\(file.path):", found: "the entry \(name) is cut short or damaged",
            advice: "download or save the file again")
    }
}
