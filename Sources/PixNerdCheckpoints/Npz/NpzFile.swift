import Foundation
import PixNerdSupport
import PixNerdZip

/// A memory-mapped numpy `.npz` file: a zip file whose entries are `.npy` arrays, stored or deflated.
///
/// Supports little-endian integers and floating-point numbers in C or Fortran order, and always returns C order.
public struct NpzFile: StoredTensors {
    private struct Entry {
        let name: String
        let header: NpyHeader
        let type: ElementType

        var count: Int { header.shape.reduce(1, *) }
    }

    public let path: String
    /// The names of the arrays, without `.npy`, sorted.
    public let names: [String]
    /// Names of arrays with an unsupported element type, each with numpy's name of the type.
    public let unreadable: [String: String]
    private let file: MappedFile
    private let archive: ZipArchive
    private let entries: [String: Entry]

    public var origin: String { path }

    /// - Throws: `PixNerdError` if the file is missing, damaged, or contains no supported array.
    public init(path: String) throws {
        self.path = path
        file = try MappedFile(path: path)
        guard file.bytes.starts(with: [0x50, 0x4b]) else {
            throw PixNerdError(.malformed, "\(path)", found: "is not an .npz file: it does not begin like a zip file")
        }
        archive = try ZipArchive(file)
        let suffix = ".npy"
        var entries: [String: Entry] = [:]
        var unreadable: [String: String] = [:]
        for (entryName, entry) in archive.entries where entryName.hasSuffix(suffix) {
            let name = String(entryName.dropLast(suffix.count))
            let header = try Self.header(entryName, size: entry.size, archive, path: path)
            guard let type = header.type else {
                unreadable[name] = header.typeName
                continue
            }
            let size = header.shape.reduce(type.size, *)
            guard entry.size - header.length == size else {
                throw PixNerdError(
                    .malformed, "\(path)",
                    found: "is damaged: the array \(name) of shape \(header.shape) needs \(size) bytes and has "
                        + "\(entry.size - header.length)")
            }
            entries[name] = Entry(name: entryName, header: header, type: type)
        }
        guard !entries.isEmpty else {
            let others = unreadable.map { "\($0.key) of type '\($0.value)'" }.sorted().joined(separator: ", ")
            throw PixNerdError(
                .unsupported, "\(path)",
                found: "contains no array of a supported type\(others.isEmpty ? "" : ", only \(others)")",
                advice: "save arrays of numbers with numpy.savez")
        }
        self.entries = entries
        self.unreadable = unreadable
        names = entries.keys.sorted()
    }

    private static func header(_ name: String, size: Int, _ archive: ZipArchive, path: String) throws -> NpyHeader {
        let reader = try archive.reader(name)
        let block = ByteBlock(count: NpyHeader.longest)
        let count = reader.fill(UnsafeMutableRawBufferPointer(rebasing: block.bytes.prefix(NpyHeader.longest)))
        guard count == min(size, NpyHeader.longest) else { throw archive.cutShort(name) }
        return try withExtendedLifetime(block) {
            try NpyHeader(UnsafeRawBufferPointer(rebasing: block.bytes[..<count])) { reason, expected in
                PixNerdError(.malformed, "\(path):", found: "\(name) cannot be read: \(reason)", expected: expected)
            }
        }
    }

    public func shape(of name: String) -> [Int]? { entries[name]?.header.shape }

    public func elementType(of name: String) -> ElementType? { entries[name]?.type }

    public func elements(of name: String) throws -> StoredElements {
        let entry = try entry(name)
        try file.checkLength()
        let contents = try archive.contents(entry.name)
        let bytes = UnsafeRawBufferPointer(rebasing: contents.bytes[entry.header.length...])
        guard entry.header.isFortranOrder, entry.header.shape.count > 1, entry.count > 0 else {
            return StoredElements(type: entry.type, shape: entry.header.shape, bytes: bytes, owner: contents.owner)
        }
        let block = ByteBlock(count: bytes.count)
        let strides = entry.header.shape.indices.map { entry.header.shape[..<$0].reduce(1, *) }
        withExtendedLifetime(contents.owner) {
            gather(bytes, 0, entry.header.shape, strides, size: entry.type.size, into: block.bytes)
        }
        return StoredElements(
            type: entry.type, shape: entry.header.shape,
            bytes: UnsafeRawBufferPointer(rebasing: block.bytes.prefix(bytes.count)), owner: block)
    }

    /// Passes an array to `body` in chunks of rows; a row is everything under one index of the first axis.
    ///
    /// For an array in C order, only the rows of one chunk are in memory at a time, decompressed if need be.
    ///
    /// - Parameters:
    ///   - rowsAtOnce: rows per chunk; the last chunk may have fewer.
    ///   - body: receives the bytes of the rows and their indices.
    /// - Throws: `PixNerdError` naming the file and the array, or any error that `body` throws.
    public func forEachRows(
        of name: String, _ rowsAtOnce: Int, _ body: (UnsafeRawBufferPointer, Range<Int>) throws -> Void
    ) throws {
        precondition(rowsAtOnce > 0, "forEachRows: \(rowsAtOnce) rows at once")
        let entry = try entry(name)
        // An array without elements may claim any number of rows.
        guard entry.count > 0 else { return }
        let rows = entry.header.shape.first ?? 1
        let rowSize = entry.header.shape.dropFirst().reduce(entry.type.size, *)
        let ranges = stride(from: 0, to: rows, by: rowsAtOnce).map { $0..<min($0 + rowsAtOnce, rows) }
        guard !archive.isStored(entry.name), !entry.header.isFortranOrder else {
            let elements = try elements(of: name)
            try elements.withUnsafeBytes { bytes in
                for range in ranges {
                    try body(
                        UnsafeRawBufferPointer(
                            rebasing: bytes[range.lowerBound * rowSize..<range.upperBound * rowSize]), range)
                }
            }
            return
        }
        let reader = try archive.reader(entry.name)
        let block = ByteBlock(count: max(entry.header.length, min(rows, rowsAtOnce) * rowSize))
        func read(_ count: Int) throws -> UnsafeRawBufferPointer {
            let part = UnsafeMutableRawBufferPointer(rebasing: block.bytes.prefix(count))
            guard reader.fill(part) == count else { throw archive.cutShort(entry.name) }
            return UnsafeRawBufferPointer(part)
        }
        try withExtendedLifetime(block) {
            _ = try read(entry.header.length)
            for range in ranges { try body(read(range.count * rowSize), range) }
        }
        try reader.finish()
    }

    public func releasePages() { file.releasePages() }

    private func entry(_ name: String) throws -> Entry {
        if let entry = entries[name] { return entry }
        if let type = unreadable[name] {
            throw PixNerdError(
                .unsupported, "\(path):", found: "the array \(name) is of type '\(type)', which is not supported",
                advice: "save it as little-endian floats or integers, such as float32")
        }
        throw PixNerdError(
            .notFound, "\(path)", found: "lacks the array \(name); it holds \(names.joined(separator: ", "))")
    }
}
