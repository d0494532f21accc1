import Foundation

/// A file mapped for reading.
///
/// `@unchecked Sendable`: the mapping is read-only and lives as long as the object.
package final class MappedFile: @unchecked Sendable {
    package let path: String
    package let bytes: UnsafeRawBufferPointer

    /// - Throws: `CheckpointError` where the file cannot be opened or is empty.
    // Never inlined: Swift 6.3.1 may put an object that lives shortly on the stack and free it as if it were not, where
    // an error is thrown while it lives.
    @inline(never)
    package init(path: String) throws {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CheckpointError("\(path) cannot be opened: \(systemReason()).")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw CheckpointError("\(path) is not a file; name a checkpoint file.")
        }
        let size = Int(status.st_size)
        guard size > 0 else { throw CheckpointError("\(path) is empty, not a checkpoint.") }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw CheckpointError("\(path) cannot be mapped: \(systemReason()).")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    /// Lets the system take back the memory of what was read; reading it again fetches it from the file again.
    package func releasePages() {
        madvise(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count, Int32(MADV_DONTNEED))
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count) }
}

extension Fingerprint {
    /// Of a file's bytes.
    ///
    /// - Throws: `CheckpointError` where the file cannot be read or is empty.
    public static func text(ofFile path: String) throws -> String {
        let file = try MappedFile(path: path)
        var fingerprint = Fingerprint()
        // In windows, so that a second mapping of a large checkpoint does not count as memory beside the first.
        let window = 64 << 20
        for start in stride(from: 0, to: file.bytes.count, by: window) {
            let end = min(start + window, file.bytes.count)
            fingerprint.add(UnsafeRawBufferPointer(rebasing: file.bytes[start..<end]))
            file.releasePages()
        }
        return fingerprint.text
    }
}
