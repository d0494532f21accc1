import PixNerdSupport

/// A reader of the fields of a Protocol Buffers message in memory, one after another.
struct ProtobufReader {
    /// What a field holds.
    enum Value {
        /// A varint.
        case number(UInt64)
        /// Bytes with their length before them, or 4 or 8 bytes.
        case bytes(UnsafeRawBufferPointer)
    }

    private let bytes: UnsafeRawBufferPointer
    private let path: String
    private var place = 0

    /// - Parameter path: the file, for errors.
    init(_ bytes: UnsafeRawBufferPointer, path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// The next field; nil at the end.
    ///
    /// - Throws: `PixNerdError` if the message is cut short or is none.
    mutating func next() throws -> (number: UInt64, value: Value)? {
        guard place < bytes.count else { return nil }
        let key = try varint()
        switch key & 7 {
        case 0: return (key >> 3, .number(try varint()))
        case 1: return (key >> 3, .bytes(try take(8)))
        case 2: return (key >> 3, .bytes(try take(try varint())))
        case 5: return (key >> 3, .bytes(try take(4)))
        default: throw broken("has a field of an unknown type")
        }
    }

    private mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard place < bytes.count else { throw broken("ends within a number") }
            let byte = bytes[place]
            place += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw broken("has a number of more than 64 bits")
    }

    private mutating func take(_ count: UInt64) throws -> UnsafeRawBufferPointer {
        guard count <= UInt64(bytes.count - place) else { throw broken("ends within a field of \(count) bytes") }
        defer { place += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[place..<place + Int(count)])
    }

    private func broken(_ found: ErrorText) -> PixNerdError {
        PixNerdError(.malformed, "\(path)", found: found, expected: "a spiece.model as SentencePiece writes it")
    }
}
