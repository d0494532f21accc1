import PixNerdSupport

/// A reader of JSON from memory that goes through large tables without making an object of each entry. The bytes must be
/// UTF-8.
struct JSONScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let path: String
    private var place = 0
    /// Values that may still be read into memory.
    private var budget = 1 << 20

    /// Depth of arrays and objects up to which they are read.
    private static let deepest = 32

    /// - Parameter path: the file, for errors.
    init(_ bytes: UnsafeBufferPointer<UInt8>, path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// The next byte that is no blank; nil at the end.
    private mutating func peek() -> UInt8? {
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x0a, 0x0d, 0x09: place += 1
            default: return bytes[place]
            }
        }
        return nil
    }

    /// Whether the next value begins with a character such as `{`.
    mutating func isNext(_ character: Unicode.Scalar) -> Bool { peek() == UInt8(ascii: character) }

    private mutating func take(_ character: Unicode.Scalar) throws {
        guard peek() == UInt8(ascii: character) else { throw broken("has no '\(character)'") }
        place += 1
    }

    /// Reads an object.
    ///
    /// - Parameter entry: receives each key, and reads the value behind it.
    mutating func object(_ entry: (inout JSONScanner, _ key: String) throws -> Void) throws {
        try entries { scanner, key in try entry(&scanner, String(decoding: key, as: UTF8.self)) }
    }

    /// Reads an object; keys are bytes of UTF-8.
    mutating func entries(_ entry: (inout JSONScanner, _ key: [UInt8]) throws -> Void) throws {
        var key: [UInt8] = []
        try sequence("{", "}") { scanner in
            key.removeAll(keepingCapacity: true)
            try scanner.string(into: &key)
            try scanner.take(":")
            try entry(&scanner, key)
        }
    }

    /// Reads an array.
    ///
    /// - Parameter element: reads an element.
    mutating func array(_ element: (inout JSONScanner) throws -> Void) throws { try sequence("[", "]", element) }

    private mutating func sequence(
        _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, _ element: (inout JSONScanner) throws -> Void
    ) throws {
        try take(opening)
        var isFirst = true
        while !isNext(closing) {
            if !isFirst { try take(",") }
            try element(&self)
            isFirst = false
        }
        place += 1
    }

    /// Reads a string and appends it as UTF-8.
    mutating func string(into text: inout [UInt8]) throws {
        try take("\"")
        while true {
            let start = place
            while place < bytes.count, bytes[place] != UInt8(ascii: "\""), bytes[place] != UInt8(ascii: "\\"),
                bytes[place] >= 0x20
            {
                place += 1
            }
            text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<place]))
            guard place < bytes.count else { throw broken("ends within a string") }
            place += 1
            switch bytes[place - 1] {
            case UInt8(ascii: "\""): return
            case UInt8(ascii: "\\"): try escape(into: &text)
            default: throw broken("has a control character in a string")
            }
        }
    }

    /// Reads what follows a backslash.
    private mutating func escape(into text: inout [UInt8]) throws {
        guard place < bytes.count else { throw broken("ends within a string") }
        place += 1
        switch bytes[place - 1] {
        case UInt8(ascii: "\""): text.append(0x22)
        case UInt8(ascii: "\\"): text.append(0x5c)
        case UInt8(ascii: "/"): text.append(0x2f)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var value = try hexadecimal()
            if (0xd800...0xdbff).contains(value), place + 1 < bytes.count, bytes[place] == UInt8(ascii: "\\"),
                bytes[place + 1] == UInt8(ascii: "u")
            {
                place += 2
                let low = try hexadecimal()
                guard (0xdc00...0xdfff).contains(low) else { throw broken("has half of a surrogate pair") }
                value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw broken("has half of a surrogate pair") }
            text.append(contentsOf: UTF8.encode(scalar)!)
        default: throw broken("has an unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard place < bytes.count, let digit = Character(Unicode.Scalar(bytes[place])).hexDigitValue,
                bytes[place] < 0x80
            else { throw broken("has a broken escape in a string") }
            value = value << 4 | UInt32(digit)
            place += 1
        }
        return value
    }

    /// Reads a whole number that is not negative.
    mutating func count() throws -> Int {
        guard case .number(let value) = try scalar(), let count = Int(value), count >= 0 else {
            throw broken("has no whole number")
        }
        return count
    }

    /// Reads a number.
    mutating func number() throws -> Double {
        guard case .number(let text) = try scalar(), let value = Double(text) else { throw broken("has no number") }
        return value
    }

    /// Reads a value of any type.
    mutating func value(depth: Int = 0) throws -> JSONValue {
        budget -= 1
        guard budget > 0, depth < Self.deepest else { throw broken("has too many values, or too deep ones,") }
        switch peek() {
        case UInt8(ascii: "{"):
            var entries: [String: JSONValue] = [:]
            try object { scanner, key in
                guard entries.updateValue(try scanner.value(depth: depth + 1), forKey: key) == nil else {
                    throw scanner.broken("has the key '\(key)' twice")
                }
            }
            return .object(entries)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try array { elements.append(try $0.value(depth: depth + 1)) }
            return .array(elements)
        case UInt8(ascii: "\""):
            var text: [UInt8] = []
            try string(into: &text)
            return .string(String(decoding: text, as: UTF8.self))
        default: return try scalar()
        }
    }

    /// Reads a number, true, false or null.
    private mutating func scalar() throws -> JSONValue {
        _ = peek()
        let start = place
        while place < bytes.count, Self.isOfWord(bytes[place]) { place += 1 }
        let word = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<place].prefix(64)), as: UTF8.self)
        switch word {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        case _ where word.first == "-" || word.first?.isNumber == true: return .number(word)
        default:
            place = start
            throw broken("has no value")
        }
    }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Checks that nothing follows the value.
    mutating func finish() throws {
        guard peek() == nil else { throw broken("goes on after its end") }
    }

    /// An error about the file at the current place.
    func broken(_ found: ErrorText, expected: ErrorText? = nil) -> PixNerdError {
        PixNerdError(.malformed, "\(path)", found: found + " at byte \(place)", expected: expected)
    }
}

/// A JSON value in memory; a number is kept as it is written.
indirect enum JSONValue: Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The value of an object's key; nil if there is none, or null.
    subscript(key: String) -> JSONValue? {
        guard case .object(let entries) = self, let value = entries[key], value != .null else { return nil }
        return value
    }

    var text: String? { if case .string(let text) = self { text } else { nil } }

    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }

    /// A whole number that is not negative; nil for anything else.
    var count: Int? { if case .number(let text) = self, let count = Int(text), count >= 0 { count } else { nil } }

    /// The type that a part of a tokenizer names itself; nil if there is none.
    var type: String? { self["type"]?.text }
}
