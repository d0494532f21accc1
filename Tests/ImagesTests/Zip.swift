import Foundation

/// A file of a zip archive, and what its headers say of it.
struct ZipFile {
    var name: [UInt8]
    var content: [UInt8]
    /// The general purpose bits: 1 is encryption.
    var flags: UInt16 = 0
    /// The method of compression: 0 is none.
    var method: UInt16 = 0
    /// The place of the header that the directory gives; nil for where it is.
    var place: Int?

    init(_ name: String, _ content: [UInt8] = []) { (self.name, self.content) = (Array(name.utf8), content) }
}

/// A zip archive of stored files.
func zip(_ files: [ZipFile]) -> [UInt8] {
    func bytes(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var data: [UInt8] = []
    var directory: [UInt8] = []
    for file in files {
        let common =
            bytes(20, 2) + bytes(Int(file.flags), 2) + bytes(Int(file.method), 2) + bytes(0, 4)
            + bytes(Int(crc32(file.content)), 4) + bytes(file.content.count, 4) + bytes(file.content.count, 4)
            + bytes(file.name.count, 2) + bytes(0, 2)
        directory +=
            Array("PK\u{1}\u{2}".utf8) + bytes(20, 2) + common + bytes(0, 10) + bytes(file.place ?? data.count, 4)
            + file.name
        data += Array("PK\u{3}\u{4}".utf8) + common + file.name + file.content
    }
    return data + directory + Array("PK\u{5}\u{6}".utf8) + bytes(0, 4) + bytes(files.count, 2) + bytes(files.count, 2)
        + bytes(directory.count, 4) + bytes(data.count, 4) + bytes(0, 2)
}
