import PixNerdSupport

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
            throw PixNerdError(
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
                let length = decimal(rest[..<space]), length > space - rest.startIndex,
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
        // Int's own reading of text would take a sign.
        let digits = field.drop { $0 == 32 }.prefix { $0 != 32 && $0 != 0 }
        return integer(digits, radix: 8)
    }

    /// The number that decimal digits stand for; nil for other text, also with a sign, and if it is too large.
    static func decimal(_ digits: some Collection<UInt8>) -> Int? {
        digits.isEmpty ? nil : integer(digits, radix: 10)
    }

    private static func integer(_ digits: some Collection<UInt8>, radix: Int) -> Int? {
        var value = 0
        for byte in digits {
            guard (48..<48 + radix).contains(Int(byte)) else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: radix)
            let (sum, isTooLargeNow) = product.addingReportingOverflow(Int(byte) - 48)
            guard !isTooLarge && !isTooLargeNow else { return nil }
            value = sum
        }
        return value
    }
}
