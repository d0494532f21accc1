import Foundation
import PixNerdImages
import Testing

/// Files made by Tests/Fixtures/make_image_fixtures.py.
enum Fixture {
    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/images/\(name)").standardizedFileURL.path
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    static func json<Value: Decodable>(_ name: String) throws -> [Value] {
        try JSONDecoder().decode([Value].self, from: Data(bytes(name)))
    }
}

/// Files made by Tests/Fixtures/make_stored_picture_fixtures.py.
enum StoredFixture {
    static func path(_ name: String) -> String { Fixture.path("../stored/\(name)") }
    static func bytes(_ name: String) throws -> [UInt8] { try Fixture.bytes("../stored/\(name)") }
    static func json<Value: Decodable>(_ name: String) throws -> [Value] { try Fixture.json("../stored/\(name)") }
}

extension LoadedBatch {
    /// The pixels of a batch of 8-bit colours; empty for other batches.
    var bytes: [UInt8] { if case .bytes(let bytes) = pixels { bytes } else { [] } }
    /// The pixels of other batches.
    var values: [Float] { if case .values(let values, _) = pixels { values } else { [] } }
}

/// A folder of a test's own, gone when the test is done.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/pixnerd-images-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, making the folders above it.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
        return file.path
    }
}

/// The picture that `pattern` in make_image_fixtures.py makes: kind 0 is noise, kind 1 smooth with edges.
func syntheticPicture(width: Int, height: Int, kind: Int) -> RGBImage {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    for y in 0..<height {
        for x in 0..<width {
            for c in 0..<3 {
                if kind == 0 {
                    var value = UInt32(x) &* 2_654_435_761 &+ UInt32(y) &* 2_246_822_519 &+ UInt32(c) &* 3_266_489_917
                    value = (value ^ (value >> 15)) &* 668_265_263
                    pixels.append(UInt8(value >> 24))
                } else if (x * y + c).isMultiple(of: 11) {
                    pixels.append(0)
                } else if (x / 7 + y / 5).isMultiple(of: 3) {
                    pixels.append(255)
                } else {
                    pixels.append(UInt8((x * (c + 2) + y * (5 - c)) & 255))
                }
            }
        }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
}

/// The checksum of PNG and zip files.
func crc32(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { crc, byte in
        var crc = crc ^ UInt32(byte)
        for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        return crc
    }
}

/// The largest difference between two pictures' bytes; nil when the sizes differ.
func largestDifference(_ left: [UInt8], _ right: [UInt8]) -> Int? {
    guard left.count == right.count else { return nil }
    return zip(left, right).map { abs(Int($0) - Int($1)) }.max() ?? 0
}
