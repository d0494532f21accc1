import CPixNerdZip
import Foundation
import PixNerdSupport

/// A libzip data source in memory that records the range of each read.
final class ZipBytes {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var error = zip_error_t()
    /// The range of the latest read.
    var lastRead: Range<Int>?

    /// - Parameter bytes: memory that must outlive this object and the handles that it opens.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        zip_error_init(&error)
    }

    deinit { zip_error_fini(&error) }

    /// Opens a libzip handle, which must not outlive this object.
    func open(path: String) throws -> OpaquePointer {
        var error = zip_error_t()
        zip_error_init(&error)
        defer { zip_error_fini(&error) }
        let user = Unmanaged.passUnretained(self).toOpaque()
        guard let source = zip_source_function_create(answer, user, &error) else {
            throw PixNerdError(
                .system, "\(path)", found: "cannot be read: \(String(cString: zip_error_strerror(&error)))")
        }
        guard let handle = zip_open_from_source(source, ZIP_RDONLY, &error) else {
            zip_source_free(source)
            let reason =
                zip_error_code_zip(&error) == ZIP_ER_NOZIP
                ? "the directory at its end is missing" : String(cString: zip_error_strerror(&error))
            throw PixNerdError(
                .malformed, "\(path)", found: "begins like a zip file but is cut short or damaged (\(reason))",
                advice: "download or save it again")
        }
        return handle
    }

    fileprivate func handle(_ data: UnsafeMutableRawPointer?, _ length: UInt64, _ command: zip_source_cmd_t) -> Int64 {
        switch command {
        case ZIP_SOURCE_OPEN:
            position = 0
            return 0
        case ZIP_SOURCE_READ:
            guard let data else { return -1 }
            let count = min(Int(clamping: length), bytes.count - position)
            data.copyMemory(from: bytes.baseAddress! + position, byteCount: count)
            lastRead = position..<position + count
            position += count
            return Int64(count)
        case ZIP_SOURCE_SEEK:
            let offset = zip_source_seek_compute_offset(UInt64(position), UInt64(bytes.count), data!, length, &error)
            guard offset >= 0, offset <= bytes.count else { return -1 }
            position = Int(offset)
            return 0
        case ZIP_SOURCE_TELL:
            return Int64(position)
        case ZIP_SOURCE_STAT:
            guard let data, length >= MemoryLayout<zip_stat_t>.size else { return -1 }
            let status = data.assumingMemoryBound(to: zip_stat_t.self)
            zip_stat_init(status)
            status.pointee.size = UInt64(bytes.count)
            status.pointee.valid |= UInt64(ZIP_STAT_SIZE)
            return Int64(MemoryLayout<zip_stat_t>.size)
        case ZIP_SOURCE_ERROR:
            guard let data else { return -1 }
            return zip_error_to_data(&error, data, length)
        case ZIP_SOURCE_SUPPORTS:
            return Self.commands.reduce(0) { $0 | 1 << Int64($1.rawValue) }
        case ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE:
            return 0
        default:
            zip_error_set(&error, ZIP_ER_OPNOTSUPP, 0)
            return -1
        }
    }

    private static let commands: [zip_source_cmd_t] = [
        ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
        ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS,
    ]
}

/// The callback of libzip's data source.
private func answer(
    _ user: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?, _ length: UInt64, _ command: zip_source_cmd_t
) -> Int64 {
    guard let user else { return -1 }
    return Unmanaged<ZipBytes>.fromOpaque(user).takeUnretainedValue().handle(data, length, command)
}
