import Foundation

/// A file that is written under a temporary name, synced, and then renamed into place.
public struct AtomicFile: ~Copyable {
    private let descriptor: Int32
    private let temporaryPath: String

    /// Writes a file whose bytes `body` appends. Its name appears only once all of them are on disk.
    ///
    /// - Parameter isSynced: waits until the bytes are on disk.
    /// - Throws: any error that `body` throws, or `PixNerdError` naming the path. The temporary file is then removed.
    public static func write(
        to path: String, isSynced: Bool = true, _ body: (borrowing AtomicFile) throws -> Void
    ) throws {
        let file = try AtomicFile(besides: path)
        do {
            try body(file)
            try file.finish(as: path, isSynced: isSynced)
        } catch {
            unlink(file.temporaryPath)
            throw error
        }
    }

    /// Writes a file with the given bytes.
    ///
    /// - Parameter isSynced: waits until the bytes are on disk, which is not worth it for many small files such as
    ///   images.
    /// - Throws: `PixNerdError` naming the path. An existing file is then left as it was.
    public static func write(_ bytes: some ContiguousBytes, to path: String, isSynced: Bool = true) throws {
        try write(to: path, isSynced: isSynced) { file in try bytes.withUnsafeBytes { try file.append($0) } }
    }

    private init(besides path: String) throws {
        temporaryPath = Self.temporaryPath(for: path)
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())")
        }
    }

    deinit { close(descriptor) }

    /// Appends bytes.
    public borrowing func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            // Linux writes at most 2 GiB per call.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            let written = Foundation.write(descriptor, part.baseAddress!, part.count)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                throw PixNerdError(.system, "\(temporaryPath)", found: "cannot be written: \(systemReason())")
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Replaces bytes that have been appended.
    package borrowing func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        guard pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset)) == bytes.count else {
            throw PixNerdError(.system, "\(temporaryPath)", found: "cannot be written: \(systemReason())")
        }
    }

    private borrowing func finish(as path: String, isSynced: Bool) throws {
        guard isSynced else {
            // Network file systems report a full disk only when a descriptor is closed.
            let copy = dup(descriptor)
            guard copy >= 0, close(copy) == 0, rename(temporaryPath, path) == 0 else {
                throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())")
            }
            return
        }
        try Self.publish(descriptor, temporaryPath, as: path)
    }

    /// The temporary name of the file for `path` while it is being written.
    package static func temporaryPath(for path: String) -> String { "\(path).\(getpid()).partial" }

    /// Syncs a file and renames it to its final path.
    ///
    /// - Parameter descriptor: an open file descriptor of the file at `temporaryPath`.
    package static func publish(_ descriptor: Int32, _ temporaryPath: String, as path: String) throws {
        guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else {
            throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())")
        }
        try syncDirectory(URL(fileURLWithPath: path).deletingLastPathComponent().path)
    }

    /// Syncs a directory, so that the names in it survive a crash.
    public static func syncDirectory(_ path: String) throws {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else {
            throw PixNerdError(.system, "\(path)", found: "cannot be opened: \(systemReason())")
        }
        defer { close(directory) }
        guard fsync(directory) == 0 else {
            throw PixNerdError(.system, "\(path)", found: "cannot be synced: \(systemReason())")
        }
    }
}
