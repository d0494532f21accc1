import Foundation
import PixNerdSupport
import PixNerdTensors

/// Tables with the captions of images: `metadata.jsonl` and `metadata.csv`.
enum CaptionTable {
    /// Reads a table.
    ///
    /// - Parameters:
    ///   - path: a file with a JSON object in each line, or with comma-separated values below a line of names.
    ///   - options: the key of captions.
    ///   - body: receives the path of an image, its captions, and the number of the line.
    /// - Throws: `PixNerdError` with the line, if the file is damaged, if it has no paths of images, or if it has several
    ///   columns that may be captions.
    static func forEachRow(
        _ path: String, _ options: CaptionOptions,
        _ body: (_ fileName: String, _ texts: [String], _ line: Int) -> Void
    ) throws {
        guard try RegularFile(path, expected: "a table of captions").size > 0 else { return }
        let file = try MappedFile(path: path, kind: "a table of captions")
        defer { withExtendedLifetime(file) {} }
        var bytes = file.bytes[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        if path.lowercased().hasSuffix(".csv") {
            try forEachCSVRow(bytes, path, options, body)
        } else {
            try forEachJSONRow(bytes, path, options, body)
        }
    }

    // MARK: JSON

    /// Lines decoded at a time.
    private static let stretch = 4096

    private static func forEachJSONRow(
        _ bytes: Slice<UnsafeRawBufferPointer>, _ path: String, _ options: CaptionOptions,
        _ body: (String, [String], Int) -> Void
    ) throws {
        var rest = bytes
        var number = 0
        var key: String?
        while !rest.isEmpty {
            // Decoding is the slow part, so it is divided among the threads.
            var lines: [UnsafeRawBufferPointer] = []
            while lines.count < stretch, !rest.isEmpty {
                let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
                lines.append(UnsafeRawBufferPointer(rebasing: rest[..<end]))
                rest = end < rest.endIndex ? rest[(end + 1)...] : rest[end...]
            }
            nonisolated(unsafe) let stretch = lines
            let decoded = parallelMap((stretch.count + 63) / 64) { part in
                stretch[part * 64..<min(part * 64 + 64, stretch.count)].map { line in
                    Result { () throws(CaptionRow.Problem) -> CaptionRow? in
                        if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { return nil }
                        return try CaptionRow(json: line, keys: options.keys)
                    }
                }
            }
            for result in decoded.joined() {
                number += 1
                let name = "\(path), line \(number),"
                let row: CaptionRow?
                do {
                    row = try result.get()
                } catch {
                    throw PixNerdError(.malformed, "\(name)", found: error.found)
                }
                guard let row else { continue }
                guard let fileName = row.fileName else {
                    throw PixNerdError(
                        .malformed, "\(name)", found: "has no file_name",
                        expected: "the path of an image relative to the file")
                }
                key = try row.key(after: key, in: name)
                body(fileName, key.map(row.texts(under:)) ?? [], number)
            }
        }
    }

    // MARK: Comma-separated values

    private static func forEachCSVRow(
        _ bytes: Slice<UnsafeRawBufferPointer>, _ path: String, _ options: CaptionOptions,
        _ body: (String, [String], Int) -> Void
    ) throws {
        var reader = CSVReader(bytes, name: path)
        guard let names = try reader.next() else { return }
        guard let place = names.firstIndex(of: "file_name") else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has no column file_name",
                expected: "a first line such as file_name,text")
        }
        let columns = options.keys.compactMap { key in names.firstIndex(of: key).map { (key, $0) } }
        let head = CaptionRow(fileName: "", captions: columns.map { ($0.0, []) })
        guard let key = try head.key(after: nil, in: path) else { return }
        let column = columns.first { $0.0 == key }!.1
        while true {
            let line = reader.line
            guard let fields = try reader.next() else { return }
            // An empty line.
            if fields == [""] { continue }
            guard fields.count == names.count else {
                throw PixNerdError(
                    .malformed, "\(path), line \(line),", found: "has \(counted(fields.count, "value"))",
                    expected: "\(names.count), as in the first line")
            }
            // An empty cell is how tables write that there is no value.
            body(fields[place], fields[column].isEmpty ? [] : [fields[column]], line)
        }
    }
}

/// Reads comma-separated values: fields may be in double quotes, and may then hold commas, line breaks, and quotes that
/// are written twice (RFC 4180).
struct CSVReader {
    private let bytes: Slice<UnsafeRawBufferPointer>
    private let name: String
    private var place: Int
    /// The number of the line that the next row begins in, from 1.
    private(set) var line = 1

    /// - Parameters:
    ///   - bytes: the contents of a file, which must outlive the reader.
    ///   - name: the name of the file in errors.
    init(_ bytes: Slice<UnsafeRawBufferPointer>, name: String) {
        self.bytes = bytes
        self.name = name
        place = bytes.startIndex
    }

    /// The fields of the next row; nil at the end.
    ///
    /// - Throws: `PixNerdError` if a quote has no end, or if a field is not UTF-8 text.
    mutating func next() throws -> [String]? {
        guard place < bytes.endIndex else { return nil }
        let first = line
        var fields: [String] = []
        while true {
            let field = try isAt("\"") ? quotedField(first) : plainField()
            guard let text = String(validating: field, as: UTF8.self) else {
                throw PixNerdError(.malformed, "\(name), line \(first),", found: "is not UTF-8 text")
            }
            fields.append(text)
            if isAt(",") {
                place += 1
                continue
            }
            if isAt("\r") { place += 1 }
            if isAt("\n") {
                place += 1
                line += 1
            } else if place < bytes.endIndex, bytes[place - 1] != UInt8(ascii: "\r") {
                throw PixNerdError(
                    .malformed, "\(name), line \(first),", found: "has text after the end of a quoted value",
                    expected: "a comma or the end of the line")
            }
            return fields
        }
    }

    private func isAt(_ character: Unicode.Scalar) -> Bool {
        place < bytes.endIndex && bytes[place] == UInt8(ascii: character)
    }

    private mutating func plainField() -> [UInt8] {
        let end =
            bytes[place...].firstIndex {
                $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r")
            }
            ?? bytes.endIndex
        defer { place = end }
        return Array(bytes[place..<end])
    }

    private mutating func quotedField(_ first: Int) throws -> [UInt8] {
        var field: [UInt8] = []
        place += 1
        while let quote = bytes[place...].firstIndex(of: UInt8(ascii: "\"")) {
            field += bytes[place..<quote]
            place = quote + 1
            guard isAt("\"") else {
                line += field.count { $0 == UInt8(ascii: "\n") }
                return field
            }
            field.append(UInt8(ascii: "\""))
            place += 1
        }
        throw PixNerdError(.malformed, "\(name), line \(first),", found: "has a quote without an end")
    }
}
