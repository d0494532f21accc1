import CPixNerdXXHash

/// A 128-bit XXH3 hash that identifies data. It is not cryptographic: collisions can be forged.
///
/// The hash of a file's bytes is the one that `xxhsum -H2` prints.
public struct Fingerprint: ~Copyable {
    private let state: OpaquePointer

    public init() {
        guard let state = XXH3_createState() else { preconditionFailure("Fingerprint: out of memory") }
        self.state = state
        XXH3_128bits_reset(state)
    }

    deinit { XXH3_freeState(state) }

    /// Adds bytes. The hash does not depend on how they are split between calls.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) {
        XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    }

    /// Adds a text, preceded by its length.
    public mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { add($0) }
            add(UnsafeRawBufferPointer(bytes))
        }
    }

    /// The low 64 bits, for places where many hashes are stored.
    public var bits: UInt64 { XXH3_128bits_digest(state).low64 }

    /// The hash of the data so far, as 32 hexadecimal digits.
    public var text: String {
        let hash = XXH3_128bits_digest(state)
        return [hash.high64, hash.low64].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
