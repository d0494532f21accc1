import Foundation

/// The whole content of a regular file.
func readBytes(ofFile path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ImageError("\(path) cannot be read: \(systemReason()).") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw ImageError("\(path) cannot be read: \(systemReason()).") }
    guard status.st_mode & S_IFMT == S_IFREG else {
        throw ImageError("\(path) is not a regular file: expected a PNG or JPEG file.")
    }
    let size = Int(status.st_size)
    var failure: ImageError?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        while count < size {
            let got = Foundation.read(descriptor, buffer.baseAddress! + count, size - count)
            if got < 0 && errno == EINTR { continue }
            if got < 0 { failure = ImageError("\(path) cannot be read: \(systemReason()).") }
            // Zero: the file shrank while it was read; the decoder will find it cut short.
            if got <= 0 { break }
            count += got
        }
    }
    if let failure { throw failure }
    return bytes
}

/// Writes `bytes` beside `path` under a name that no other process uses, then renames it to `path`.
func replaceFile(_ path: String, with bytes: [UInt8]) throws {
    var template = Array((path + ".XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
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
