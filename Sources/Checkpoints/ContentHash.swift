import CXXHash

/// The 128-bit XXH3 hash of bytes, by which files and weights are known again; `xxhsum -H2` prints the same digits.
///
/// It tells things apart that differ by accident; it is no protection against forgery.
///
/// - Parameter body: hands over the bytes in order, in as many parts as it likes.
/// - Returns: 32 hexadecimal digits.
public func contentHash(_ body: ((UnsafeRawBufferPointer) -> Void) throws -> Void) rethrows -> String {
    guard let state = XXH3_createState() else { preconditionFailure("contentHash: there is no memory") }
    defer { XXH3_freeState(state) }
    XXH3_128bits_reset(state)
    try body { XXH3_128bits_update(state, $0.baseAddress, $0.count) }
    let hash = XXH3_128bits_digest(state)
    return [hash.high64, hash.low64].map { word in
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
}

/// The hash of a file's bytes.
///
/// - Throws: `CheckpointError` where the file cannot be read or is empty.
public func contentHash(ofFile path: String) throws -> String {
    let file = try MappedFile(path: path)
    return contentHash { $0(file.bytes) }
}
