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
    private let descriptor: Int32
    private let size: Int
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
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw PixNerdError(.fromErrno, "The shard \(path)", found: "cannot be opened: \(systemReason())")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw PixNerdError(
                .invalidValue, "The shard \(path)", found: "is not a regular file", expected: "a tar file")
        }
        size = Int(status.st_size)
    }

    deinit {
        close(descriptor)
    }

    /// The next regular file; nil at the end of the archive.
    ///
    /// - Throws: `PixNerdError` if the archive is cut short or damaged.
    func next() throws -> Entry? {
        while true {
            let count = try read(at: position, into: &blocks)
            guard count >= 512 else { throw cutShort("its end is missing") }
            if blocks[..<512].allSatisfy({ $0 == 0 }) { return nil }
            let header = try TarHeader(blocks[..<512], in: path, at: position)
            // The size in a pax header applies to the entry that follows it, not to another header.
            let length = header.describesNext ? header.size : header.hasData ? nextSize ?? header.size : 0
            let data = position + 512..<position + 512 + length
            guard data.upperBound <= size else { throw cutShort("\(nextName ?? header.name) has \(length) bytes") }
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

    /// Applies a header that describes the next entry.
    private func take(_ header: TarHeader, _ data: Range<Int>) throws {
        guard header.type == UInt8(ascii: "L") || header.type == UInt8(ascii: "x") else { return }
        guard data.count <= 1 << 20 else { throw header.problem("a name of \(data.count) bytes") }
        var content = [UInt8](repeating: 0, count: data.count)
        guard try read(at: data.lowerBound, into: &content) == data.count else { throw cutShort("a name is missing") }
        if header.type == UInt8(ascii: "L") {
            nextName = String(decoding: content.prefix { $0 != 0 }, as: UTF8.self)
            return
        }
        for (key, value) in try TarHeader.paxRecords(content, header) {
            switch key {
            case "path": nextName = value
            case "size":
                guard let number = Int(value), number >= 0, number <= size else {
                    throw cutShort("an entry has \(value) bytes")
                }
                nextSize = number
            default: break
            }
        }
    }

    private func read(at offset: Int, into buffer: inout [UInt8]) throws -> Int {
        try buffer.withUnsafeMutableBytes { bytes in
            var count = 0
            while count < bytes.count {
                let got = pread(descriptor, bytes.baseAddress! + count, bytes.count - count, off_t(offset + count))
                if got < 0 && errno == EINTR { continue }
                guard got >= 0 else {
                    throw PixNerdError(.system, "The shard \(path)", found: "cannot be read: \(systemReason())")
                }
                if got == 0 { break }
                count += got
            }
            return count
        }
    }

    private func cutShort(_ detail: String) -> PixNerdError {
        PixNerdError(
            .malformed, "The shard \(path)",
            found: "is cut short: \(detail), but the file ends after \(size) bytes")
    }
}

/// The header block of an entry in a tar file.
struct TarHeader {
    let name: String
    /// Bytes of data after the header.
    let size: Int
    /// The type of the entry, as a character.
    let type: UInt8
    private let path: String
    private let position: Int

    /// - Parameters:
    ///   - block: 512 bytes.
    ///   - path: the path of the archive, for errors.
    ///   - position: the offset of the block in the archive.
    init(_ block: ArraySlice<UInt8>, in path: String, at position: Int) throws {
        let block = Array(block)
        self.path = path
        self.position = position
        type = block[156]
        // The checksum counts its own field as spaces.
        let sum = block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 32 : Int(block[$1])) }
        guard Self.number(block[148..<156]) == sum else {
            let isCompressed = position == 0 && (block.starts(with: [0x1F, 0x8B]) || block.starts(with: [0x28, 0xB5]))
            throw isCompressed
                ? PixNerdError(
                    .unsupported, "The shard \(path)", found: "is compressed", advice: "unpack it to a plain tar file")
                : PixNerdError(
                    .malformed, "The shard \(path)", found: "is not a tar file, or damaged",
                    expected: "the header of an entry at byte \(position)")
        }
        guard let size = Self.number(block[124..<136]) else {
            throw PixNerdError(
                .malformed, "The shard \(path)", found: "is damaged: the entry at byte \(position) has no size")
        }
        self.size = size
        let plain = Self.text(block[0..<100])
        let isPOSIX = block[257..<263].elementsEqual(Array("ustar\0".utf8))
        let prefix = isPOSIX ? Self.text(block[345..<500]) : ""
        name = prefix.isEmpty ? plain : "\(prefix)/\(plain)"
    }

    var isRegularFile: Bool {
        type == UInt8(ascii: "0") || type == 0 || type == UInt8(ascii: "7")
    }

    /// Whether data follows the header. Links, folders and devices have none, whatever their size field says.
    var hasData: Bool {
        !"123456".utf8.contains(type)
    }

    /// Whether the data describes the following entries: GNU's long names and links, pax headers.
    var describesNext: Bool {
        "LKxg".utf8.contains(type)
    }

    func problem(_ found: String) -> PixNerdError {
        PixNerdError(
            .malformed, "The shard \(path)", found: "is damaged: the entry at byte \(position) has \(found)")
    }

    /// The records of a pax header, each "length key=value\n".
    static func paxRecords(_ bytes: [UInt8], _ header: TarHeader) throws -> [(key: String, value: String)] {
        var records: [(key: String, value: String)] = []
        var rest = bytes[...]
        while let space = rest.firstIndex(of: UInt8(ascii: " ")) {
            guard
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length > space - rest.startIndex,
                length <= rest.count
            else { throw header.problem("an invalid pax header") }
            let record = rest[space + 1..<rest.startIndex + length].dropLast()
            if let equals = record.firstIndex(of: UInt8(ascii: "=")) {
                records.append(
                    (
                        String(decoding: record[..<equals], as: UTF8.self),
                        String(decoding: record[(equals + 1)...], as: UTF8.self)
                    ))
            }
            rest = rest[(rest.startIndex + length)...]
        }
        return records
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The number in a field of octal digits, or in GNU's binary form for sizes from 8 GiB.
    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        if let first = field.first, first & 0x80 != 0 {
            let bytes = field.dropFirst()
            guard first == 0x80, bytes.dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
            let value = bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return value < 1 << 62 ? Int(value) : nil
        }
        let digits = field.drop { $0 == 32 }.prefix { $0 != 32 && $0 != 0 }
        return digits.isEmpty ? 0 : Int(String(decoding: digits, as: UTF8.self), radix: 8)
    }
}
