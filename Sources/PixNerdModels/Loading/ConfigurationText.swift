import Foundation
import PixNerdSupport

/// The bytes of a `config.json` beside weights.
///
/// - Throws: `PixNerdError` if it cannot be read, is no file (a pipe, say), or is too large to be one.
func configurationText(_ path: String) throws -> Data {
    let most = 1 << 24
    let file = try MappedFile(path: path, kind: "a configuration in JSON")
    guard file.bytes.count <= most else {
        throw PixNerdError(
            .malformed, "\(path)", found: "has \(file.bytes.count) bytes",
            expected: "a configuration of at most \(most)")
    }
    try file.checkLength()
    return Data(file.bytes)
}
