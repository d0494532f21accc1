import Foundation

/// A file mapped for reading.
///
/// `@unchecked Sendable`: the mapping is read-only and lives as long as the object.
package final class MappedFile: @unchecked Sendable {
    package let path: String
    package let bytes: UnsafeRawBufferPointer

    /// - Throws: `PixNerdError` if the file cannot be opened or is empty.
    // Not inlined; see ByteBlock.
    @inline(never)
    package init(path: String) throws {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw PixNerdError(.fromErrno, "\(path)", found: "cannot be opened: \(systemReason())")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PixNerdError(.invalidValue, "\(path)", found: "is not a file", expected: "a checkpoint file")
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            throw PixNerdError(.malformed, "\(path)", found: "is empty", expected: "a checkpoint file")
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw PixNerdError(.system, "\(path)", found: "cannot be mapped: \(systemReason())")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    /// Lets the system reclaim the pages read so far. Reading them again fetches them from the file.
    package func releasePages() {
        madvise(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count, Int32(MADV_DONTNEED))
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count) }
}

extension Fingerprint {
    /// The fingerprint of a file's bytes.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read or is empty.
    public static func text(ofFile path: String) throws -> String {
        let file = try MappedFile(path: path)
        var fingerprint = Fingerprint()
        // Window by window, so that a second mapping of a large checkpoint does not add to the resident memory.
        let window = 64 << 20
        for start in stride(from: 0, to: file.bytes.count, by: window) {
            let end = min(start + window, file.bytes.count)
            fingerprint.add(UnsafeRawBufferPointer(rebasing: file.bytes[start..<end]))
            file.releasePages()
        }
        return fingerprint.text
    }
}
