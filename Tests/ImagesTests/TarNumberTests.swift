import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Numbers in tar headers: whatever stands there, a shard is read or refused in a sentence.
@Suite struct TarNumberTests {
    private func complaint(_ bytes: [UInt8]) throws -> String {
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, to: "a.tar")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: path) }
        return try #require(error).description
    }

    /// Negative, the largest, and numbers from which a sum or rounding up would overflow.
    private static let binary: [[UInt8]] = [
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        [0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        [0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        [0x80, 0, 0, 0, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]

    @Test(arguments: ["-0000000777", "+0000000777", "-1", "0x10", "99999999999", "777777777777", "1 \u{0}-9"])
    func octalSizes(text: String) throws {
        for type in ["0", "L", "x", "g", "5"] {
            let bytes = tar([("1.png", [1, 2, 3])], size: Array(text.utf8), type: type)
            #expect(try complaint(bytes).contains("a.tar"))
        }
        if text.first == "-" || text.first == "+" {
            let bytes = tar([("1.png", [])], size: Array(text.utf8))
            #expect(try complaint(bytes).contains("the entry at byte 0 has no size"))
        }
    }

    @Test(arguments: binary)
    func binarySizes(size: [UInt8]) throws {
        for type in ["0", "L", "x"] {
            #expect(try complaint(tar([("1.png", [])], size: size, type: type)).contains("a.tar"))
        }
    }

    @Test(arguments: ["-1", "+5", "9223372036854775807", "9223372036854775808", "1e3"])
    func sizesOfPaxHeaders(value: String) throws {
        let record = "size=\(value)\n"
        let length = record.utf8.count + 3
        let pax = tar([("pax", Array("\(length) \(record)".utf8))], hasEnd: false, type: "x")
        #expect(try complaint(pax + tar([("1.png", [1])])).contains("an entry has \(value) bytes"))
    }

    @Test(arguments: ["-5 size=1\n", "+11 size=1\n", "9223372036854775807 size=1\n", "0 a=b\n", " a=b\n"])
    func lengthsOfPaxRecords(record: String) throws {
        let pax = tar([("pax", Array(record.utf8))], hasEnd: false, type: "x")
        #expect(try complaint(pax + tar([("1.png", [1])])).contains("invalid pax header"))
    }
}
