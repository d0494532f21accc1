import Foundation

/// Memory that others borrow and whose contents the system can fetch again, so that it need not stay resident.
package protocol ReleasableMemory: AnyObject {
    /// Lets the system reclaim the pages that lie within some bytes of this memory. Reading them again fetches them.
    func releasePages(of bytes: UnsafeRawBufferPointer)
}

/// A file mapped for reading.
///
/// `@unchecked Sendable`: the mapping is read-only and lives as long as the object.
package final class MappedFile: ReleasableMemory, @unchecked Sendable {
    package let path: String
    package let bytes: UnsafeRawBufferPointer

    /// What identifies the file, as its path may come to lead to another one.
    private let identity: (device: dev_t, inode: ino_t)

    /// - Parameter kind: what the file should be, such as "a checkpoint file", for errors.
    /// - Throws: `PixNerdError` if the file cannot be opened, is empty, or is a folder, pipe or device.
    // Not inlined; see ByteBlock.
    @inline(never)
    package init(path: String, kind: String = "a checkpoint file") throws {
        self.path = path
        // Without O_NONBLOCK, opening a pipe would wait for its other end.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw PixNerdError(.fromErrno, "\(path)", found: "cannot be opened: \(systemReason())")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PixNerdError(.invalidValue, "\(path)", found: "is not a file", expected: "\(kind)")
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            throw PixNerdError(.malformed, "\(path)", found: "is empty", expected: "\(kind)")
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw PixNerdError(.system, "\(path)", found: "cannot be mapped: \(systemReason())")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
        identity = (status.st_dev, status.st_ino)
        MappedFileFaults.add(bytes, path: path)
    }

    /// Checks that the file has not become shorter since it was opened: reading what it lost would end the program.
    ///
    /// A file that is cut short between this check and the reading of its bytes, or under another name, is not noticed
    /// here; see `MappedFileFaults`.
    ///
    /// - Throws: `PixNerdError` with both lengths.
    package func checkLength() throws {
        var status = stat()
        guard stat(path, &status) == 0, (status.st_dev, status.st_ino) == identity, status.st_size < bytes.count else {
            return
        }
        throw PixNerdError(
            .malformed, "\(path)",
            found: "was cut short while it was read, from \(bytes.count) to \(status.st_size) bytes",
            advice: "write files that are in use under another name and rename them")
    }

    /// Adds the bytes from an offset on to a fingerprint, window by window, so that a large file does not add to the
    /// resident memory.
    ///
    /// - Throws: `PixNerdError` if the file becomes shorter meanwhile.
    package func add(to fingerprint: inout Fingerprint, from offset: Int = 0) throws {
        let window = 64 << 20
        for start in stride(from: offset, to: bytes.count, by: window) {
            try checkLength()
            fingerprint.add(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + window, bytes.count)]))
            releasePages()
        }
    }

    /// Lets the system reclaim the pages read so far. Reading them again fetches them from the file.
    package func releasePages() { releasePages(of: bytes) }

    /// - Precondition: The bytes lie in this mapping.
    package func releasePages(of part: UnsafeRawBufferPointer) {
        guard let first = part.baseAddress, let start = bytes.baseAddress, !part.isEmpty else { return }
        let offset = first - start
        precondition(
            offset >= 0 && offset + part.count <= bytes.count,
            "releasePages: \(part.count) bytes at \(offset) are not in a mapping of \(bytes.count)")
        // Pages that the part shares with others are left to them, but for the last page of the file.
        let page = Int(getpagesize())
        let (from, end) = ((offset + page - 1) / page * page, offset + part.count)
        let to = end == bytes.count ? end : end / page * page
        guard from < to else { return }
        madvise(UnsafeMutableRawPointer(mutating: start + from), to - from, Int32(MADV_DONTNEED))
    }

    deinit {
        MappedFileFaults.remove(bytes)
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count)
    }
}

extension Fingerprint {
    /// The fingerprint of a file's bytes.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read or is empty.
    public static func text(ofFile path: String) throws -> String {
        let file = try MappedFile(path: path)
        var fingerprint = Fingerprint()
        try file.add(to: &fingerprint)
        return fingerprint.text
    }
}
