import Foundation
import PixNerdSupport

/// Iterates over the entries of a POSIX tar file, reading only the first few bytes of the data of each.
///
/// Supports the ustar format, GNU's long names and sizes, and pax headers.
final class TarFile {
    /// A regular file in the archive.
    struct Entry {
        /// The full path inside the archive.
        let name: String
        /// The byte range of the data in the archive.
        let data: Range<Int>
        /// The first bytes of the data, at most 512.
        let beginning: [UInt8]
    }

    private let path: String
    private let file: RegularFile
    private var position = 0
    /// The name that preceding headers give to the next entry.
    private var nextName: String?
    /// The size that preceding headers give to the next entry.
    private var nextSize: Int?
    /// A header block and the block after it, read together.
    private var blocks = [UInt8](repeating: 0, count: 1024)

    /// - Throws: `PixNerdError` if the file is missing or is not a regular file.
    // Not inlined; see ByteBlock.
    @inline(never)
    init(_ path: String) throws {
        self.path = path
        file = try RegularFile(path, subject: "The shard ", expected: "a tar file")
    }

    private var size: Int { file.size }

    /// The next regular file; nil at the end of the archive.
    ///
    /// - Throws: `PixNerdError` if the archive is cut short or damaged.
    func next() throws -> Entry? {
        while true {
            let count = try blocks.withUnsafeMutableBytes { try file.read(at: position, into: $0) }
            guard count >= 512 else { throw otherFormat(count) ?? cutShort("its end is missing") }
            if blocks[..<512].allSatisfy({ $0 == 0 }) { return nil }
            let header = try header()
            // The size in a pax header applies to the entry that follows it, not to another header.
            let length = header.describesNext ? header.size : header.hasData ? nextSize ?? header.size : 0
            // The size may be any number that fits its field, so it is not added before it is compared.
            guard length <= size - position - 512 else {
                throw cutShort("\(nextName ?? header.name) has \(length) bytes")
            }
            let data = position + 512..<position + 512 + length
            position = data.lowerBound + (length + 511) / 512 * 512
            if header.describesNext {
                try take(header, data)
                continue
            }
            let name = nextName ?? header.name
            (nextName, nextSize) = (nil, nil)
            if header.isRegularFile {
                return Entry(name: name, data: data, beginning: Array(blocks[512..<512 + min(length, 512)]))
            }
        }
    }

    /// The data of an entry; nil if there are more than `most` bytes.
    ///
    /// - Throws: `PixNerdError` if the archive is cut short.
    func contents(of entry: Entry, most: Int) throws -> [UInt8]? {
        guard entry.data.count > entry.beginning.count else { return entry.beginning }
        guard entry.data.count <= most else { return nil }
        var bytes = [UInt8](repeating: 0, count: entry.data.count)
        let count = try bytes.withUnsafeMutableBytes { try file.read(at: entry.data.lowerBound, into: $0) }
        guard count == bytes.count else { throw cutShort("\(entry.name) has \(bytes.count) bytes") }
        return bytes
    }

    /// Applies a header that describes the next entry.
    private func take(_ header: TarHeader, _ data: Range<Int>) throws {
        guard header.type == UInt8(ascii: "L") || header.type == UInt8(ascii: "x") else { return }
        guard data.count <= 1 << 20 else { throw header.problem("a name of \(data.count) bytes") }
        var content = [UInt8](repeating: 0, count: data.count)
        let count = try content.withUnsafeMutableBytes { try file.read(at: data.lowerBound, into: $0) }
        guard count == data.count else { throw cutShort("a name is missing") }
        if header.type == UInt8(ascii: "L") {
            nextName = String(decoding: content.prefix { $0 != 0 }, as: UTF8.self)
            return
        }
        for (key, value) in try TarHeader.paxRecords(content, header) {
            switch key {
            case "path": nextName = value
            case "size":
                guard let number = TarHeader.decimal(value.utf8), number <= size else {
                    throw cutShort("an entry has \(value) bytes")
                }
                nextSize = number
            default: break
            }
        }
    }

    private func header() throws -> TarHeader {
        do {
            return try TarHeader(blocks[..<512], in: path, at: position)
        } catch {
            throw otherFormat(512) ?? error
        }
    }

    /// The error about a file that begins as one of another format; nil if it does not.
    private func otherFormat(_ count: Int) -> PixNerdError? {
        guard position == 0 else { return nil }
        return blocks[..<count].withUnsafeBytes { DataFile.refusal(ofShard: path, beginning: $0) }
    }

    private func cutShort(_ detail: String) -> PixNerdError {
        PixNerdError(
            .malformed, "The shard \(path)",
            found: "is cut short: \(detail), but the file ends after \(size) bytes")
    }
}
