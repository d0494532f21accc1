import PixNerdSupport

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
