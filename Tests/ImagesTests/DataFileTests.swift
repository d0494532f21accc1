import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Archives, arrays and databases that are given instead of a folder: what they are and what to do is said.
@Suite struct DataFileTests {
    private func complaint(_ bytes: [UInt8], _ name: String) throws -> String {
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, to: name)
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: path) }
        // Evaluation opens its sides in this way.
        #expect(throws: PixNerdError.self) { try ImageCollection.pictures(below: path) }
        let message = try #require(error).description
        #expect(message.contains(path))
        return message
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static let beginnings: [(bytes: [UInt8], kind: String)] = [
        ([0x1F, 0x8B, 8], "compressed with gzip"), ([0x28, 0xB5, 0x2F, 0xFD], "compressed with zstd"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "compressed with xz"), (text("BZh9"), "compressed with bzip2"),
        ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive"), (text("Rar!\u{1A}\u{7}"), "a rar archive"),
        (text("PK\u{3}\u{4}") + zeros(40), "a zip archive"),
        (text("PK\u{3}\u{4}") + zeros(26) + text("arr_0.npy"), "an .npz archive"),
        ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1], "a NumPy array"), ([0x89, 0x48, 0x44, 0x46], "an HDF5 file"),
        (text("PAR1"), "a Parquet table"), (text("ARROW1"), "an Arrow table"),
        (zeros(16) + [0xDE, 0xC0, 0xEF, 0xBE], "an LMDB database"), (text("SQLite format 3"), "an SQLite database"),
        ([0x80, 4, 0x95], "a Python pickle"),
    ]

    @Test(arguments: beginnings)
    func theFirstBytesNameIt(bytes: [UInt8], kind: String) throws {
        #expect(try complaint(bytes, "data").contains(kind))
        // A name that promises a shard changes nothing.
        #expect(try complaint(bytes, "data.tar").contains(kind))
    }

    @Test(arguments: [
        ("a.tar.gz", "gzip"), ("a.TGZ", "gzip"), ("a.tar.xz", "xz"), ("a.tar.zst", "zstd"), ("a.tar.bz2", "bzip2"),
        ("a.zip", "zip"), ("a.7z", "7z"), ("a.rar", "rar"), ("a.npy", ".npz"), ("a.mdb", "LMDB"),
        ("a.parquet", "Parquet"), ("a.arrow", "Arrow"), ("a.h5", "HDF5"), ("a.tfrecord", "TFRecord"),
    ])
    func theNameDoesIfTheBytesDoNot(name: String, kind: String) throws {
        #expect(try complaint([], name).contains(kind))
        #expect(try complaint([1, 2, 3], name).contains(kind))
    }

    @Test func tarFilesUnderOtherNamesAndPictures() throws {
        #expect(try complaint(tar([("1.png", [])]), "shard").contains("does not end with .tar; expected a folder"))
        #expect(try complaint(Fixture.bytes("rgb8.png"), "a.png").contains("is a single picture; expected a folder"))
        #expect(try complaint([1, 2, 3], "notes").contains("notes is a file; expected a folder"))
    }

    @Test(arguments: [
        ("metadata.jsonl", "metadata.jsonl is not read without images"), ("data.mdb", "an LMDB database"),
        ("a.parquet", "Parquet"),
        ("images.zip", "a zip archive"),
    ])
    func foldersOfThem(file: String, complaint: String) throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "root/\(file)")
        for root in ["/root", ""] {
            let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path + root) }
            #expect(error?.description.contains(complaint) == true)
        }
    }
}
