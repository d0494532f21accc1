import CPixNerdZip
import Foundation
import PixNerdSupport

/// Writes an `.npz` file, as `numpy.savez` does, from arrays whose bytes arrive a few rows at a time.
///
/// libzip pulls the data that it writes, so it runs on its own thread and `append` passes it the bytes. Entries are
/// stored uncompressed, with zip64 where they need it and with a fixed date, so that equal arrays make equal files. The
/// file appears atomically, at `finish`.
public final class NpzWriter {
    /// An array to write.
    public struct Array: Sendable {
        public let name: String
        public let type: ElementType
        public let shape: [Int]

        public init(_ name: String, _ type: ElementType, _ shape: [Int]) {
            self.name = name
            self.type = type
            self.shape = shape
        }

        /// Bytes of the elements.
        public var byteCount: Int { shape.reduce(type.size, *) }
    }

    public let path: String
    private let arrays: [Array]
    private let work: ZipWork
    /// The index of the array whose bytes come next.
    private var current = 0
    /// Bytes of the current array received so far.
    private var written = 0

    /// Starts a file.
    ///
    /// - Parameters:
    ///   - path: the path to write to; an existing file stays until `finish`.
    ///   - arrays: all arrays of the file, in order, with distinct names.
    /// - Throws: `PixNerdError` if a file cannot be created there.
    // Not inlined; see ByteBlock.
    @inline(never)
    public init(path: String, arrays: [Array]) throws {
        precondition(Set(arrays.map(\.name)).count == arrays.count, "NpzWriter: two arrays have the same name")
        precondition(
            arrays.allSatisfy { $0.type != .bfloat16 && $0.shape.allSatisfy { $0 >= 0 } },
            "NpzWriter: an array has a negative dimension, or is bfloat16, which numpy does not have")
        self.path = path
        self.arrays = arrays
        work = try ZipWork(path: path, arrays: arrays)
        try beginArray()
    }

    deinit { work.abandon() }

    /// Writes the next bytes, little-endian in C order. Once an array is complete, the next one begins.
    ///
    /// - Precondition: the bytes belong to a single array and do not exceed its remaining size.
    /// - Throws: `PixNerdError` if they cannot be written.
    public func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard !bytes.isEmpty else { return }
        precondition(
            current < arrays.count && bytes.count <= arrays[current].byteCount - written,
            "NpzWriter: more bytes than the arrays of \(path) have")
        try offer(bytes)
        written += bytes.count
        try skipFinishedArrays()
    }

    /// Writes the next elements.
    ///
    /// - Precondition: the elements are of the array's type.
    public func append<Element: BitwiseCopyable>(_ values: [Element]) throws {
        precondition(
            values.isEmpty || current < arrays.count && MemoryLayout<Element>.size == arrays[current].type.size,
            "NpzWriter: elements of \(Element.self) do not match the array of \(path)")
        try values.withUnsafeBytes { try append($0) }
    }

    /// Completes the file, which then appears at its path.
    ///
    /// - Precondition: every byte of every array has been written.
    public func finish() throws {
        precondition(current == arrays.count, "NpzWriter: \(path) lacks bytes of \(arrays.dropFirst(current))")
        try work.finish()
    }

    private func beginArray() throws {
        guard current < arrays.count else { return }
        try NpyHeader.bytes(type: arrays[current].type, shape: arrays[current].shape).withUnsafeBytes { try offer($0) }
        written = 0
        try skipFinishedArrays()
    }

    private func skipFinishedArrays() throws {
        guard current < arrays.count, written == arrays[current].byteCount else { return }
        current += 1
        try beginArray()
    }

    private func offer(_ bytes: UnsafeRawBufferPointer) throws {
        if !work.feed.offer(bytes) { try work.finish() }
    }
}

/// libzip, running on its own thread.
///
/// `@unchecked Sendable`: only that thread uses `handle` once it runs, and `failure` is read after it has ended.
private final class ZipWork: @unchecked Sendable {
    let feed = ByteFeed()
    private let path: String
    private let temporaryPath: String
    private let handle: OpaquePointer
    private var entries: [ZipEntryBytes] = []
    private let ended = DispatchSemaphore(value: 0)
    private var failure: String?
    private var isJoined = false

    @inline(never)
    init(path: String, arrays: [NpzWriter.Array]) throws {
        self.path = path
        temporaryPath = AtomicFile.temporaryPath(for: path)
        // libzip would notice a missing folder only at the end.
        let descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())")
        }
        close(descriptor)
        var code: Int32 = 0
        guard let handle = zip_open(temporaryPath, ZIP_CREATE | ZIP_TRUNCATE, &code) else {
            unlink(temporaryPath)
            throw PixNerdError(.system, "\(path)", found: "cannot be written: libzip returned error \(code)")
        }
        self.handle = handle
        for array in arrays {
            let size = NpyHeader.bytes(type: array.type, shape: array.shape).count + array.byteCount
            let entry = ZipEntryBytes(feed, size: size)
            entries.append(entry)
            let source = zip_source_function(handle, answer, Unmanaged.passUnretained(entry).toOpaque())
            let index = zip_file_add(handle, "\(array.name).npy", source, UInt32(ZIP_FL_ENC_UTF_8))
            guard index >= 0, zip_set_file_compression(handle, UInt64(index), ZIP_CM_STORE, 0) == 0,
                // The earliest date of the zip format.
                zip_file_set_dostime(handle, UInt64(index), 0, 0x21, 0) == 0
            else {
                let reason = String(cString: zip_strerror(handle))
                zip_discard(handle)
                unlink(temporaryPath)
                throw PixNerdError(.system, "\(path)", found: "cannot be written: \(reason)")
            }
        }
        let thread = Thread { [self] in run() }
        thread.name = "npz"
        thread.start()
    }

    private func run() {
        if zip_close(handle) != 0 {
            failure = String(cString: zip_strerror(handle))
            zip_discard(handle)
        }
        feed.close()
        ended.signal()
    }

    private func join() {
        guard !isJoined else { return }
        isJoined = true
        ended.wait()
    }

    /// Waits for libzip and publishes the file.
    func finish() throws {
        join()
        do {
            if let failure { throw PixNerdError(.system, "\(path)", found: "cannot be written: \(failure)") }
            let descriptor = open(temporaryPath, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())")
            }
            defer { close(descriptor) }
            try AtomicFile.publish(descriptor, temporaryPath, as: path)
        } catch {
            unlink(temporaryPath)
            throw error
        }
    }

    /// Ends the thread and removes the unfinished file. Does nothing after `finish`.
    func abandon() {
        guard !isJoined else { return }
        feed.close()
        join()
        unlink(temporaryPath)
    }
}

/// The bytes of one entry, as libzip requests them.
private final class ZipEntryBytes {
    private let feed: ByteFeed
    private let size: Int
    private var left: Int
    private var error = zip_error_t()

    @inline(never)
    init(_ feed: ByteFeed, size: Int) {
        self.feed = feed
        self.size = size
        left = size
        zip_error_init(&error)
    }

    deinit { zip_error_fini(&error) }

    func handle(_ data: UnsafeMutableRawPointer?, _ length: UInt64, _ command: zip_source_cmd_t) -> Int64 {
        switch command {
        case ZIP_SOURCE_OPEN, ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE:
            return 0
        case ZIP_SOURCE_READ:
            let part = UnsafeMutableRawBufferPointer(start: data, count: min(Int(clamping: length), left))
            guard !part.isEmpty else { return 0 }
            guard let count = feed.take(into: part) else {
                zip_error_set(&error, ZIP_ER_CANCELLED, 0)
                return -1
            }
            left -= count
            return Int64(count)
        case ZIP_SOURCE_STAT:
            guard let data, length >= MemoryLayout<zip_stat_t>.size else { return -1 }
            let status = data.assumingMemoryBound(to: zip_stat_t.self)
            zip_stat_init(status)
            status.pointee.size = UInt64(size)
            status.pointee.valid |= UInt64(ZIP_STAT_SIZE)
            return Int64(MemoryLayout<zip_stat_t>.size)
        case ZIP_SOURCE_ERROR:
            guard let data else { return -1 }
            return zip_error_to_data(&error, data, length)
        case ZIP_SOURCE_SUPPORTS:
            return [
                ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
            ].reduce(0) { $0 | 1 << Int64($1.rawValue) }
        default:
            zip_error_set(&error, ZIP_ER_OPNOTSUPP, 0)
            return -1
        }
    }
}

/// The callback of libzip's data source.
private func answer(
    _ user: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?, _ length: UInt64, _ command: zip_source_cmd_t
) -> Int64 {
    guard let user else { return -1 }
    return Unmanaged<ZipEntryBytes>.fromOpaque(user).takeUnretainedValue().handle(data, length, command)
}
