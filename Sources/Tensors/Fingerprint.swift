/// A short name for data: 64 bits that other data has only by chance. Not for keeping out forgers.
///
/// FNV-1a (Fowler, Noll and Vo), eight bytes at a time.
public struct Fingerprint: Sendable {
    private var value: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    /// Takes bytes in; where one call ends and the next begins counts too.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var value = mixed(value, UInt64(bytes.count))
        let whole = bytes.count / 8
        for index in 0..<whole {
            value = mixed(value, bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
        }
        for byte in bytes[(8 * whole)...] { value = mixed(value, UInt64(byte)) }
        self.value = value
    }

    public mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    /// Shape and elements of a tensor.
    public mutating func add(_ tensor: Tensor) {
        add("\(tensor.shape)")
        tensor.withUnsafeBuffer { add(UnsafeRawBufferPointer($0)) }
    }

    /// The bits, which further data changes.
    public var bits: UInt64 {
        // High bits of a product depend on all bits of its factors, low ones do not.
        var bits = value ^ (value >> 32)
        bits = bits &* 0xd6e8_feb8_6659_fd93
        return bits ^ (bits >> 32)
    }

    /// The bits as sixteen hexadecimal digits.
    public var text: String {
        let digits = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

@inline(__always)
private func mixed(_ value: UInt64, _ word: UInt64) -> UInt64 {
    let product = (value ^ word) &* 0x100_0000_01b3
    return product ^ (product >> 29)
}
