import Foundation

/// A file that is written under a temporary name, synced, and then renamed into place.
public struct AtomicFile: ~Copyable {
    private let descriptor: Int32
    private let temporaryPath: String

    /// Writes a file: `body` appends its bytes; the name appears only when all of them are on the disk.
    ///
    /// - Throws: what `body` throws, or `CheckpointError` naming the path; the temporary file is then removed.
    public static func write(to path: String, _ body: (borrowing AtomicFile) throws -> Void) throws {
        let file = try AtomicFile(besides: path)
        do {
            try body(file)
            try file.finish(as: path)
        } catch {
            unlink(file.temporaryPath)
            throw error
        }
    }

    private init(besides path: String) throws {
        temporaryPath = Self.temporaryPath(for: path)
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CheckpointError("\(path) cannot be written: \(String(cString: strerror(errno))).")
        }
    }

    deinit { close(descriptor) }

    /// Appends bytes.
    public borrowing func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            // Linux writes at most 2 GiB at once.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            let written = Foundation.write(descriptor, part.baseAddress!, part.count)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                throw CheckpointError("\(temporaryPath) cannot be written: \(String(cString: strerror(errno))).")
            }
            rest = rest.dropFirst(written)
        }
    }

    private borrowing func finish(as path: String) throws {
        try Self.publish(descriptor, temporaryPath, as: path)
    }

    /// The name under which a file for `path` is written until it is whole.
    static func temporaryPath(for path: String) -> String { "\(path).\(getpid()).partial" }

    /// Syncs a file and gives it its name.
    ///
    /// - Parameter descriptor: of the file at `temporaryPath`.
    static func publish(_ descriptor: Int32, _ temporaryPath: String, as path: String) throws {
        guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else {
            throw CheckpointError("\(path) cannot be written: \(String(cString: strerror(errno))).")
        }
        try syncDirectory(URL(fileURLWithPath: path).deletingLastPathComponent().path)
    }

    /// Makes the names in a directory durable.
    public static func syncDirectory(_ path: String) throws {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else {
            throw CheckpointError("\(path) cannot be opened: \(String(cString: strerror(errno))).")
        }
        defer { close(directory) }
        guard fsync(directory) == 0 else {
            throw CheckpointError("\(path) cannot be synced: \(String(cString: strerror(errno))).")
        }
    }
}
