import Foundation
import PixNerdSupport

/// A file that records are appended to, each of them whole or not at all.
final class AppendedFile {
    private let path: String
    private let descriptor: Int32
    private var length: off_t

    /// Opens a file, and creates it if it does not exist.
    ///
    /// - Throws: `PixNerdError` if it cannot be written.
    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        length = descriptor >= 0 ? lseek(descriptor, 0, SEEK_END) : -1
        guard length >= 0 else {
            throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends a record.
    ///
    /// - Throws: `PixNerdError` if it cannot be written. What was written of it, on a full disk, is removed, so that the
    ///   next record does not follow half a one.
    func append(_ record: some ContiguousBytes) throws {
        let written = record.withUnsafeBytes { bytes -> Int? in
            var done = 0
            while done < bytes.count {
                let count = pwrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, length + done)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return nil }
                done += count
            }
            return done
        }
        guard let written else {
            let reason = systemReason()
            ftruncate(descriptor, length)
            throw PixNerdError(.system, "\(path)", found: "cannot be written: \(reason)")
        }
        length += written
    }
}
