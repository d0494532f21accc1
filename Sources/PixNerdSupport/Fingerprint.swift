import CPixNerdXXHash

/// A short name for data: 128 bits of XXH3 that other data has only by chance. Not for keeping out forgers.
///
/// Of a file's bytes it is what `xxhsum -H2` prints.
public struct Fingerprint: ~Copyable {
    private let state: OpaquePointer

    public init() {
        guard let state = XXH3_createState() else { preconditionFailure("Fingerprint: there is no memory") }
        self.state = state
        XXH3_128bits_reset(state)
    }

    deinit { XXH3_freeState(state) }

    /// Takes bytes in; where one call ends and the next begins does not count.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) {
        XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    }

    /// Takes in a text and where it ends.
    public mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { add($0) }
            add(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Half of the bits, for many short names beside each other.
    public var bits: UInt64 { XXH3_128bits_digest(state).low64 }

    /// The bits as 32 hexadecimal digits, which further data changes.
    public var text: String {
        let hash = XXH3_128bits_digest(state)
        return [hash.high64, hash.low64].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
