import PixNerdSupport

/// Supported instructions of the pickle machine, by opcode.
enum PickleOperation: UInt8 {
    case mark = 0x28  // (
    case emptyTuple = 0x29  // )
    case pop = 0x30  // 0
    case popMark = 0x31  // 1
    case duplicate = 0x32  // 2
    case shortBytes = 0x43  // C
    case bytes = 0x42  // B
    case real = 0x47  // G
    case integer4 = 0x4a  // J
    case integer1 = 0x4b  // K
    case integer2 = 0x4d  // M
    case none = 0x4e  // N
    case persistentIdentifier = 0x51  // Q
    case reduce = 0x52  // R
    case string = 0x54  // T
    case shortString = 0x55  // U
    case unicode = 0x58  // X
    case emptyList = 0x5d  // ]
    case append = 0x61  // a
    case build = 0x62  // b
    case global = 0x63  // c
    case dictionary = 0x64  // d
    case appends = 0x65  // e
    case get1 = 0x68  // h
    case instance = 0x69  // i
    case get4 = 0x6a  // j
    case list = 0x6c  // l
    case object = 0x6f  // o
    case put1 = 0x71  // q
    case put4 = 0x72  // r
    case setItem = 0x73  // s
    case tuple = 0x74  // t
    case setItems = 0x75  // u
    case emptyDictionary = 0x7d  // }
    case protocolVersion = 0x80
    case newObject = 0x81
    case tuple1 = 0x85
    case tuple2 = 0x86
    case tuple3 = 0x87
    case newTrue = 0x88
    case newFalse = 0x89
    case long1 = 0x8a
    case long4 = 0x8b
    case shortUnicode = 0x8c
    case unicode8 = 0x8d
    case bytes8 = 0x8e
    case emptySet = 0x8f
    case addItems = 0x90
    case frozenSet = 0x91
    case newObjectWithKeywords = 0x92
    case stackGlobal = 0x93
    case memoize = 0x94
    case frame = 0x95
    case byteArray = 0x96
}

/// A bounds-checked reader of the bytes of a pickle.
struct PickleReader {
    private let bytes: UnsafeRawBufferPointer
    private let origin: String
    private let place: String
    private(set) var position: Int

    /// - Parameters:
    ///   - position: where the pickle begins.
    ///   - origin: the subject of errors.
    ///   - place: the name of `bytes` in errors.
    init(_ bytes: UnsafeRawBufferPointer, from position: Int, origin: String, place: String) {
        self.bytes = bytes
        self.position = position
        self.origin = origin
        self.place = place
    }

    /// An error about the pickle, with the current position.
    func refuse(
        _ reason: String, _ kind: PixNerdError.Kind = .malformed, expected: ErrorText? = nil, advice: ErrorText? = nil
    ) -> PixNerdError {
        PixNerdError(
            kind, "\(origin)", found: "cannot be read: \(reason) (at byte \(position) of \(place))",
            expected: expected, advice: advice)
    }

    private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count - position else {
            throw refuse("the pickle is cut short or damaged")
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    mutating func skip(_ count: Int) throws { _ = try take(count) }

    mutating func byte() throws -> UInt8 { try take(1)[0] }

    /// A little-endian integer of fixed width.
    mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> Int {
        let value = T(littleEndian: try take(MemoryLayout<T>.size).loadUnaligned(as: type))
        guard let number = Int(exactly: value) else { throw refuse("the pickle is cut short or damaged") }
        return number
    }

    /// A little-endian two's complement integer of 0 to 8 bytes.
    mutating func signed(_ count: Int) throws -> Int {
        let part = try take(count)
        var value: UInt64 = part.last.map { $0 >= 0x80 } ?? false ? .max : 0
        for byte in part.reversed() { value = value << 8 | UInt64(byte) }
        return Int(Int64(bitPattern: value))
    }

    /// A big-endian double.
    mutating func real() throws -> Double {
        Double(bitPattern: UInt64(bigEndian: try take(8).loadUnaligned(as: UInt64.self)))
    }

    mutating func string(_ count: Int) throws -> String { String(decoding: try take(count), as: UTF8.self) }

    /// The text up to the end of a line.
    mutating func line() throws -> String {
        let rest = bytes[position...]
        guard let end = rest.firstIndex(of: UInt8(ascii: "\n")), end - position <= 1000 else {
            throw refuse("the name of a global is cut short")
        }
        defer { position = end + 1 }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }
}
