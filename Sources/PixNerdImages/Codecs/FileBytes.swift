import Foundation
import PixNerdSupport

/// The whole contents of a regular file.
func readBytes(ofFile path: String) throws -> [UInt8] {
    let block = ByteBlock()
    defer { withExtendedLifetime(block) {} }
    return Array(try readBytes(ofFile: path, into: block))
}

/// Reads a regular file, or a part of one.
///
/// - Parameters:
///   - range: offset and number of bytes of the part; nil for the whole file.
///   - block: memory for the contents.
/// - Returns: the contents, inside the block. Shorter than the range if the file ends early, which the decoder will
///   notice.
func readBytes(
    ofFile path: String, range: (offset: Int, count: Int)? = nil, into block: ByteBlock
) throws -> UnsafeRawBufferPointer {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw PixNerdError(.fromErrno, "\(path)", found: "cannot be read: \(systemReason())") }
    defer { close(descriptor) }
    let offset: Int
    let size: Int
    if let range {
        (offset, size) = range
    } else {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw PixNerdError(.system, "\(path)", found: "cannot be read: \(systemReason())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw PixNerdError(
                .invalidValue, "\(path)", found: "is not a regular file", expected: "a PNG or JPEG file")
        }
        (offset, size) = (0, Int(status.st_size))
    }
    let base = block.reserve(size)
    var count = 0
    while count < size {
        let got = pread(descriptor, base + count, size - count, off_t(offset + count))
        if got < 0 && errno == EINTR { continue }
        guard got >= 0 else { throw PixNerdError(.system, "\(path)", found: "cannot be read: \(systemReason())") }
        if got == 0 { break }
        count += got
    }
    return UnsafeRawBufferPointer(start: base, count: count)
}
