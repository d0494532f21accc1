import Foundation
import PixNerdSupport

/// The whole contents of a small regular file, such as a list of names.
package func readBytes(ofFile path: String, most: Int = 1 << 26) throws -> [UInt8] {
    let file = try RegularFile(path, expected: "a file")
    guard file.size <= most else {
        throw PixNerdError(
            .unsupported, "\(path)", found: "has \(file.size) bytes", expected: "at most \(most) bytes")
    }
    return try [UInt8](unsafeUninitializedCapacity: file.size) { buffer, count in
        count = try file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
    }
}

/// Reads an image file, or a part of a shard.
///
/// Files that do not begin as images do are read only as far as their format can be told.
///
/// - Parameters:
///   - range: offset and number of bytes of the part; nil for the whole file.
///   - block: memory for the contents.
/// - Returns: the contents, inside the block. Shorter than the range if the file ends early, which the decoder will
///   notice.
func readPicture(
    ofFile path: String, range: (offset: Int, count: Int)? = nil, into block: ByteBlock
) throws -> UnsafeRawBufferPointer {
    let file = try RegularFile(path, expected: "an image file")
    let (offset, size) = range ?? (0, file.size)
    let signature = block.reserve(min(size, FileSignature.length))
    let begun = try file.read(
        at: offset, into: UnsafeMutableRawBufferPointer(start: signature, count: min(size, FileSignature.length)))
    let beginning = UnsafeRawBufferPointer(start: signature, count: begun)
    guard begun == FileSignature.length, size > begun, ImageFormat(signatureOf: beginning).isReadable else {
        return beginning
    }
    guard size <= ImageFile.maximumBytes else {
        throw PixNerdError(
            .unsupported, "\(path)", found: "has \(size) bytes",
            expected: "a picture of at most \(ImageFile.maximumBytes) bytes")
    }
    let base = block.reserve(size)
    let count = try file.read(at: offset, into: UnsafeMutableRawBufferPointer(start: base, count: size))
    return UnsafeRawBufferPointer(start: base, count: count)
}

/// A regular file opened for reading.
///
/// A FIFO, a socket or a device is refused without waiting for whoever may write to it.
final class RegularFile {
    let path: String
    let size: Int
    private let descriptor: Int32

    /// - Parameter expected: what belongs there, in the error about something that is no regular file.
    // Not inlined; see ByteBlock.
    @inline(never)
    init(_ path: String, subject: String = "", expected: String) throws {
        self.path = subject + path
        var status = stat()
        if stat(path, &status) == 0 { try Self.expectRegular(status, subject + path, expected) }
        // Even where the file is replaced by a FIFO now, opening does not wait for its writer.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw PixNerdError(.fromErrno, "\(subject)\(path)", found: "cannot be opened: \(systemReason())")
        }
        do {
            guard fstat(descriptor, &status) == 0 else {
                throw PixNerdError(.system, "\(subject)\(path)", found: "cannot be read: \(systemReason())")
            }
            try Self.expectRegular(status, subject + path, expected)
        } catch {
            close(descriptor)
            throw error
        }
        size = Int(status.st_size)
    }

    deinit {
        close(descriptor)
    }

    /// Fills a buffer from an offset on.
    ///
    /// - Returns: the number of bytes read, fewer than the buffer has where the file ends.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        defer { withExtendedLifetime(self) {} }
        var count = 0
        while count < buffer.count, let base = buffer.baseAddress {
            let got = pread(descriptor, base + count, buffer.count - count, off_t(offset + count))
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw PixNerdError(.system, "\(path)", found: "cannot be read: \(systemReason())") }
            if got == 0 { break }
            count += got
        }
        return count
    }

    private static func expectRegular(_ status: stat, _ path: String, _ expected: String) throws {
        guard status.st_mode & S_IFMT != S_IFREG else { return }
        throw PixNerdError(
            .invalidValue, "\(path)", found: "is not a regular file but \(kind(status.st_mode))",
            expected: "\(expected)")
    }

    /// What is there instead of a regular file, with its article.
    private static func kind(_ mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFDIR: "a folder"
        case S_IFIFO: "a FIFO"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }
}
