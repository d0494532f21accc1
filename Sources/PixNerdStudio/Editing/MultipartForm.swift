/// The fields of a form with files, `multipart/form-data` (RFC 7578).
struct MultipartForm: Sendable {
    /// A field of the form.
    struct Part: Sendable {
        let name: String
        let bytes: [UInt8]

        /// The field as text; nil if it is none.
        var text: String? { String(validating: bytes, as: UTF8.self) }
    }

    let parts: [Part]

    /// Maximum number of fields, and of bytes of the header of each.
    private static let (mostParts, mostHeader) = (64, 4096)

    /// - Parameters:
    ///   - body: The whole body.
    ///   - type: The Content-Type, which has the boundary.
    /// - Throws: `StudioFailure` if the body is no such form.
    init(_ body: [UInt8], type: String) throws {
        guard let boundary = Self.parameter("boundary", of: type), (1...70).contains(boundary.utf8.count) else {
            throw Self.failure("its Content-Type names no boundary")
        }
        let delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter may begin the body, without an empty line before it.
        let bytes = Array("\r\n".utf8) + body
        guard var at = Self.find(delimiter, in: bytes[...]) else { throw Self.failure("its boundary is not in it") }
        var parts: [Part] = []
        while true {
            let after = at + delimiter.count
            if bytes[after...].starts(with: "--".utf8) { break }
            let lineEnd = Array("\r\n".utf8)
            guard let line = Self.find(lineEnd, in: bytes[after...]), parts.count < Self.mostParts else {
                throw Self.failure("it is cut short, or has more than \(Self.mostParts) fields")
            }
            // A part without a header begins with an empty line.
            let headerEnd = Array("\r\n\r\n".utf8)
            guard let header = Self.find(headerEnd, in: bytes[line...].prefix(Self.mostHeader)),
                let next = Self.find(delimiter, in: bytes[(header + headerEnd.count - lineEnd.count)...])
            else { throw Self.failure("it is cut short") }
            let start = header + headerEnd.count
            guard let text = String(validating: bytes[line..<header], as: UTF8.self),
                let disposition = text.split(separator: "\r\n").first(where: {
                    $0.lowercased().hasPrefix("content-disposition:")
                }), let name = Self.parameter("name", of: String(disposition))
            else { throw Self.failure("a field has no name") }
            parts.append(Part(name: name, bytes: Array(bytes[min(start, next)..<next])))
            at = next
        }
        self.parts = parts
    }

    /// The only field of a name; nil if there is none.
    ///
    /// - Throws: `StudioFailure` if there are several.
    func part(_ names: String...) throws -> Part? {
        let found = parts.filter { names.contains($0.name) }
        guard found.count <= 1 else {
            throw StudioFailure.invalid("\(names[0]) is given \(found.count) times; give one.", parameter: names[0])
        }
        return found.first
    }

    /// The text of a field; nil if it is not given.
    ///
    /// - Throws: `StudioFailure` if it is given several times, or is no text.
    func text(_ name: String) throws -> String? {
        guard let part = try part(name) else { return nil }
        guard let text = part.text else { throw StudioFailure.invalid("\(name) is no text.", parameter: name) }
        return text
    }

    /// The number of a field; nil if it is not given.
    ///
    /// - Throws: `StudioFailure` if it is no number of the type.
    func number<Number: LosslessStringConvertible>(_ name: String, _ type: Number.Type = Number.self) throws -> Number?
    {
        try text(name).map { text in
            guard let number = Number(text) else {
                throw StudioFailure.invalid("\(name) is '\(text.prefix(30))', and not a number.", parameter: name)
            }
            return number
        }
    }

    private static func failure(_ reason: String) -> StudioFailure {
        .invalid("The request is no form (multipart/form-data): \(reason).")
    }

    /// The place of a pattern in bytes; nil if it is not there.
    private static func find(_ pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        return bytes.withUnsafeBytes { bytes in
            pattern.withUnsafeBytes { pattern in
                (0...bytes.count - pattern.count).first { start in
                    bytes[start] == pattern[0]
                        && UnsafeRawBufferPointer(rebasing: bytes[start..<start + pattern.count]).elementsEqual(pattern)
                }
            }
        }.map { bytes.startIndex + $0 }
    }

    /// A parameter of a header, such as `name` in `form-data; name="image"`.
    private static func parameter(_ name: String, of header: String) -> String? {
        for part in header.split(separator: ";").dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1).map { $0.trimmingPrefix(while: \.isWhitespace) }
            guard pair.count == 2, pair[0].lowercased() == name else { continue }
            let value = pair[1]
            guard value.first == "\"" else { return String(value.prefix { !$0.isWhitespace }) }
            return String(value.dropFirst().prefix { $0 != "\"" })
        }
        return nil
    }
}
