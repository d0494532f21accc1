import Foundation

/// A tar file of the ustar format.
///
/// - Parameters:
///   - hasEnd: whether the two blocks of zeros at the end are there.
///   - size: what the headers have as the size of a file; nil for its size.
///   - type: the type of the entries.
func tar(
    _ files: [(name: String, content: [UInt8])], hasEnd: Bool = true, size: [UInt8]? = nil, type: String = "0"
) -> [UInt8] {
    var bytes: [UInt8] = []
    for (name, content) in files {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: [UInt8], at offset: Int) {
            header.replaceSubrange(offset..<offset + text.count, with: text)
        }
        put(Array(name.utf8), at: 0)
        put(Array("0000644".utf8), at: 100)
        put(size ?? Array(String(format: "%011o", content.count).utf8), at: 124)
        put(Array(type.utf8), at: 156)
        put(Array("ustar\u{0}00".utf8), at: 257)
        put(Array("        ".utf8), at: 148)
        put(Array(String(format: "%06o\u{0} ", header.reduce(0) { $0 + Int($1) }).utf8), at: 148)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }
    return hasEnd ? bytes + [UInt8](repeating: 0, count: 1024) : bytes
}
