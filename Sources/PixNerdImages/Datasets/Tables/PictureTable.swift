import Foundation
import PixNerdSupport
import PixNerdTensors

/// Tables about images: JSON lines, and comma-separated values.
enum PictureTable {
    /// The columns that are read.
    struct Columns {
        /// Names under which the path of an image is looked for; the first that is there counts.
        var names = TableNames.usual
        /// Names of the values.
        let keys: [String]
    }

    /// Reads a table.
    ///
    /// - Parameters:
    ///   - bytes: the contents of a file with a JSON object in each line, or with comma-separated values below a line of
    ///     names.
    ///   - name: the path of the file, by whose ending its kind is told.
    ///   - columns: what is read of it.
    ///   - body: receives each row and the number of its line; returns false to end early. Nothing is received of
    ///     comma-separated values that have none of the columns.
    /// - Throws: `PixNerdError` with the line, if the file is damaged or has no paths of images.
    static func forEachRow(
        _ bytes: UnsafeRawBufferPointer, name: String, _ columns: Columns,
        _ body: (_ row: TableRow, _ fileName: String, _ line: Int) throws -> Bool
    ) throws {
        var bytes = bytes[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        if fileExtension(name) == "csv" {
            try forEachCSVRow(bytes, name, columns, body)
        } else {
            try forEachJSONRow(bytes, name, columns, body)
        }
    }

    // MARK: JSON

    /// Lines decoded at a time.
    private static let stretch = 4096

    private static func forEachJSONRow(
        _ bytes: Slice<UnsafeRawBufferPointer>, _ path: String, _ columns: Columns,
        _ body: (TableRow, String, Int) throws -> Bool
    ) throws {
        var rest = bytes
        var number = 0
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
                    Result { () throws(TableRow.Problem) -> TableRow? in
                        if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { return nil }
                        return try TableRow(json: line, names: columns.names, keys: columns.keys)
                    }
                }
            }
            for result in decoded.joined() {
                number += 1
                let name = "\(path), line \(number),"
                let row: TableRow?
                do {
                    row = try result.get()
                } catch {
                    throw PixNerdError(.malformed, "\(name)", found: error.found)
                }
                guard let row else { continue }
                guard let fileName = row.fileName else {
                    throw PixNerdError(
                        .malformed, "\(name)", found: "has no \(columns.names[0])",
                        expected: "the path of an image relative to the file")
                }
                guard try body(row, fileName, number) else { return }
            }
        }
    }

    // MARK: Comma-separated values

    private static func forEachCSVRow(
        _ bytes: Slice<UnsafeRawBufferPointer>, _ path: String, _ columns: Columns,
        _ body: (TableRow, String, Int) throws -> Bool
    ) throws {
        var reader = CSVReader(bytes, name: path)
        guard let names = try reader.next() else { return }
        let keys = columns.keys.compactMap { key in names.firstIndex(of: key).map { (key: key, place: $0) } }
        guard let place = columns.names.lazy.compactMap({ names.firstIndex(of: $0) }).first else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has no column \(columns.names[0])",
                expected: "a first line such as \(columns.names[0]),\(columns.keys.first ?? "text")")
        }
        guard !keys.isEmpty else { return }
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
            let values = keys.map { ($0.key, fields[$0.place].isEmpty ? TableValue.nothing : .cell(fields[$0.place])) }
            let row = TableRow(fileName: fields[place], values: values)
            guard try body(row, fields[place], line) else { return }
        }
    }
}
