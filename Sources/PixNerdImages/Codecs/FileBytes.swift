import Foundation

/// The whole content of a regular file.
func readBytes(ofFile path: String) throws -> [UInt8] {
    let block = ByteBlock()
    defer { withExtendedLifetime(block) {} }
    return Array(try readBytes(ofFile: path, into: block))
}

/// Reads a regular file, or a part of one.
///
/// - Parameters:
///   - range: where the part begins and how many bytes it has; nil for the whole file.
///   - block: memory for the content.
/// - Returns: the content, which stands in the block. Shorter than the range where the file ends early: the decoder
///   will find it cut short.
func readBytes(
    ofFile path: String, range: (offset: Int, count: Int)? = nil, into block: ByteBlock
) throws -> UnsafeRawBufferPointer {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ImageError("\(path) cannot be read: \(systemReason()).") }
    defer { close(descriptor) }
    let offset: Int
    let size: Int
    if let range {
        (offset, size) = range
    } else {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw ImageError("\(path) cannot be read: \(systemReason()).") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ImageError("\(path) is not a regular file: expected a PNG or JPEG file.")
        }
        (offset, size) = (0, Int(status.st_size))
    }
    let base = block.reserve(size)
    var count = 0
    while count < size {
        let got = pread(descriptor, base + count, size - count, off_t(offset + count))
        if got < 0 && errno == EINTR { continue }
        guard got >= 0 else { throw ImageError("\(path) cannot be read: \(systemReason()).") }
        if got == 0 { break }
        count += got
    }
    return UnsafeRawBufferPointer(start: base, count: count)
}

/// Writes `bytes` beside `path` under a name that no other process uses and that ends in `.partial`, then renames it to
/// `path`.
func replaceFile(_ path: String, with bytes: [UInt8]) throws {
    let ending = ".partial"
    var template = Array((path + ".XXXXXX" + ending).utf8CString)
    let descriptor = mkstemps(&template, Int32(ending.utf8.count))
    guard descriptor >= 0 else { throw ImageError("\(path) cannot be written: \(systemReason()).") }
    let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do {
        defer { close(descriptor) }
        // mkstemp keeps the file to its owner; a picture is for whoever the user's umask lets read it.
        let mask = umask(0)
        umask(mask)
        fchmod(descriptor, 0o666 & ~mask)
        try bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                if count < 0 && errno == EINTR { continue }
                guard count >= 0 else { throw ImageError("\(path) cannot be written: \(systemReason()).") }
                written += count
            }
        }
    } catch {
        unlink(temporary)
        throw error
    }
    guard rename(temporary, path) == 0 else {
        let reason = systemReason()
        unlink(temporary)
        throw ImageError("\(path) cannot be written: \(reason).")
    }
}
