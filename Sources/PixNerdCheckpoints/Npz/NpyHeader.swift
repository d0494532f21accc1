import PixNerdSupport

/// The header of a `.npy` array: element type, order and shape.
///
/// Format: the magic bytes `\x93NUMPY`, major and minor version, the length of the text (2 bytes in version 1, 4 in
/// version 2), and the text, a Python dictionary with `descr`, `fortran_order` and `shape` (numpy.lib.format).
package struct NpyHeader {
    /// Element types by numpy's name without the byte order.
    private static let types: [String: ElementType] = [
        "f8": .float64, "f4": .float32, "f2": .float16, "i8": .int64, "i4": .int32, "i2": .int16, "i1": .int8,
        "u2": .uint16, "u1": .uint8, "b1": .bool,
    ]
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// The longest text in bytes: numpy's own limit for files that it does not trust.
    private static let longestText = 10_000
    /// The longest header in bytes.
    package static let longest = 12 + longestText

    /// numpy's name of the element type, such as `<f4`.
    package let typeName: String
    package let isFortranOrder: Bool
    package let shape: [Int]
    /// Bytes before the first element.
    package let length: Int

    /// The element type; nil if it is not supported.
    package var type: ElementType? {
        guard let order = typeName.first else { return nil }
        let type = Self.types[String(typeName.dropFirst())]
        return order == "<" || order == "=" || (order == "|" && type?.size == 1) ? type : nil
    }

    /// Reads a header.
    ///
    /// - Parameters:
    ///   - bytes: the first bytes of the array: `longest` of them, or all if there are fewer.
    ///   - refuse: makes an error from what is wrong and what was expected.
    /// - Throws: the error that `refuse` makes.
    package init(_ bytes: UnsafeRawBufferPointer, _ refuse: (String, ErrorText?) -> PixNerdError) throws {
        guard bytes.count >= 10, bytes.starts(with: Self.magic) else {
            throw refuse("it does not begin like a .npy array", nil)
        }
        let version = bytes[6]
        guard (1...2).contains(version), bytes[7] == 0 else {
            throw refuse("its format version is \(version).\(bytes[7])", "1.0 or 2.0")
        }
        let start = version == 1 ? 10 : 12
        guard bytes.count >= start else { throw refuse("its header is cut short", nil) }
        let textLength =
            version == 1
            ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
            : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
        guard textLength <= Self.longestText else {
            throw refuse("its header would have \(textLength) bytes", "at most \(Self.longestText)")
        }
        guard start + textLength <= bytes.count else { throw refuse("its header is cut short", nil) }
        length = start + textLength
        var text = PythonText(bytes[start..<length])
        guard let entries = text.dictionary(), Set(entries.keys) == ["descr", "fortran_order", "shape"],
            case .string(let typeName)? = entries["descr"], case .flag(let isFortranOrder)? = entries["fortran_order"],
            case .numbers(let shape)? = entries["shape"]
        else {
            throw refuse("its header is damaged", "a dictionary with descr (one plain type), fortran_order and shape")
        }
        guard elementCount(shape) != nil else {
            throw refuse("its shape \(shape) is impossible", nil)
        }
        self.typeName = typeName
        self.isFortranOrder = isFortranOrder
        self.shape = shape
    }

    /// The header bytes of an array in C order, as numpy writes them: the elements begin at a multiple of 64 bytes.
    package static func bytes(type: ElementType, shape: [Int]) -> [UInt8] {
        let name = types.first { $0.value == type }?.key
        guard let name else { preconditionFailure("NpyHeader: numpy has no type for \(type.rawValue)") }
        let sides = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let order = type.size == 1 ? "|" : "<"
        let text = "{'descr': '\(order)\(name)', 'fortran_order': False, 'shape': (\(sides)), }"
        let padding = 63 - (10 + text.utf8.count) % 64
        let length = text.utf8.count + padding + 1
        return magic + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)] + Array(text.utf8)
            + [UInt8](repeating: UInt8(ascii: " "), count: padding) + [UInt8(ascii: "\n")]
    }
}

/// A parser for the few Python literals that occur in the header of an array.
private struct PythonText {
    enum Value {
        case string(String)
        case flag(Bool)
        /// A tuple of non-negative integers.
        case numbers([Int])
    }

    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ text: Slice<UnsafeRawBufferPointer>) { rest = text }

    /// The dictionary that makes up the whole text; nil if the text is anything else.
    mutating func dictionary() -> [String: Value]? {
        var entries: [String: Value] = [:]
        guard take("{") else { return nil }
        while !take("}") {
            guard let name = string(), take(":"), let value = value(), entries.updateValue(value, forKey: name) == nil
            else { return nil }
            if !take(",") {
                guard take("}") else { return nil }
                break
            }
        }
        skipSpace()
        return rest.isEmpty ? entries : nil
    }

    private mutating func value() -> Value? {
        if let text = string() { return .string(text) }
        if take("True") { return .flag(true) }
        if take("False") { return .flag(false) }
        guard take("(") else { return nil }
        var numbers: [Int] = []
        while !take(")") {
            guard let number = number() else { return nil }
            numbers.append(number)
            if !take(",") {
                // A single number in parentheses is not a tuple.
                guard numbers.count > 1, take(")") else { return nil }
                break
            }
        }
        return .numbers(numbers)
    }

    private mutating func string() -> String? {
        for quote in ["'", "\""] where take(quote) {
            guard let end = rest.firstIndex(of: quote.utf8.first!) else { return nil }
            let text = rest[..<end]
            rest = rest[(end + 1)...]
            return String(decoding: text, as: UTF8.self)
        }
        return nil
    }

    private mutating func number() -> Int? {
        skipSpace()
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest[digits.endIndex...]
        // Python 2 wrote long integers as 64L.
        _ = take("L")
        return Int(String(decoding: digits, as: UTF8.self))
    }

    private mutating func take(_ text: String) -> Bool {
        skipSpace()
        guard rest.starts(with: text.utf8) else { return false }
        rest = rest.dropFirst(text.utf8.count)
        return true
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
    }
}
