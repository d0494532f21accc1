import Foundation

/// A file that is written under a temporary name, synced, and then renamed into place.
public struct AtomicFile: ~Copyable {
    private let descriptor: Int32
    private let temporaryPath: String

    /// Writes a file: `body` appends its bytes; the name appears only when all of them are on the disk.
    ///
    /// - Throws: what `body` throws, or `CheckpointError` naming the path; the temporary file is then removed.
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
    /// - Parameter isSynced: waits until the bytes are on the disk, which many small files, such as images, need not.
    /// - Throws: `PixNerdError` naming the path; what stood there before stays.
    public static func write(_ bytes: some ContiguousBytes, to path: String, isSynced: Bool = true) throws {
        try write(to: path, isSynced: isSynced) { file in try bytes.withUnsafeBytes { try file.append($0) } }
    }

    private init(besides path: String) throws {
        temporaryPath = Self.temporaryPath(for: path)
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw CheckpointError("\(path) cannot be written: \(systemReason()).")
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
                throw CheckpointError("\(temporaryPath) cannot be written: \(systemReason()).")
            }
            rest = rest.dropFirst(written)
        }
    }

    private borrowing func finish(as path: String, isSynced: Bool) throws {
        guard isSynced else {
            guard rename(temporaryPath, path) == 0 else {
                throw CheckpointError("\(path) cannot be written: \(systemReason()).")
            }
            return
        }
        try Self.publish(descriptor, temporaryPath, as: path)
    }

    /// The name under which a file for `path` is written until it is whole.
    package static func temporaryPath(for path: String) -> String { "\(path).\(getpid()).partial" }

    /// Syncs a file and gives it its name.
    ///
    /// - Parameter descriptor: of the file at `temporaryPath`.
    package static func publish(_ descriptor: Int32, _ temporaryPath: String, as path: String) throws {
        guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else {
            throw CheckpointError("\(path) cannot be written: \(systemReason()).")
        }
        try syncDirectory(URL(fileURLWithPath: path).deletingLastPathComponent().path)
    }

    /// Makes the names in a directory durable.
    public static func syncDirectory(_ path: String) throws {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else {
            throw CheckpointError("\(path) cannot be opened: \(systemReason()).")
        }
        defer { close(directory) }
        guard fsync(directory) == 0 else {
            throw CheckpointError("\(path) cannot be synced: \(systemReason()).")
        }
    }
}
