import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Pictures that claim more than they hold, change while they are used, or are to be turned.
@Suite struct HostilePictureTests {
    private func word(_ number: Int) -> [UInt8] { (0..<4).map { UInt8(number >> (24 - 8 * $0) & 255) } }

    private func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let named = Array(name.utf8) + content
        return word(content.count) + named + word(Int(crc32(named)))
    }

    /// The beginning of a grey PNG of one bit per pixel, whose 2^28 pixels zlib packs into 32 KB.
    private func hugePNG(side: Int, bytes: Int) throws -> [UInt8] {
        let header = word(side) + word(side) + [1, 0, 0, 0, 0]
        let data = chunk("IDAT", [UInt8](repeating: 0, count: bytes))
        return try Array(Fixture.bytes("rgb8.png")[..<8]) + chunk("IHDR", header) + data + chunk("IEND", [])
    }

    /// A progressive JPEG of 16384 x 16384 pixels, which would take gigabytes.
    private func hugeJPEG() throws -> [UInt8] {
        var bytes = try Fixture.bytes("progressive.jpg")
        let frame = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC2 })
        bytes.replaceSubrange(frame + 5..<frame + 9, with: [0x40, 0, 0x40, 0])
        return bytes
    }

    @Test func muchInFewBytesIsRefused() throws {
        for bytes in [try hugePNG(side: 1 << 14, bytes: 32_000), try hugeJPEG()] {
            let error = #expect(throws: PixNerdError.self) { try ImageFile.decode(bytes, name: "a picture") }
            #expect(error?.description.contains("16384 x 16384 pixels in only \(bytes.count) bytes") == true)
        }
        // Smaller ones are read: this one is refused for what is in it.
        let small = try hugePNG(side: 1 << 12, bytes: 3000)
        let error = #expect(throws: PixNerdError.self) { try ImageFile.decode(small, name: "a picture") }
        #expect(error?.description.contains("is a damaged PNG file") == true)
    }

    /// Large images are halved in bands, which must not show.
    @Test func bandsChangeNoBits() {
        let (width, height) = (6001, 6003)
        let tile = syntheticPicture(width: width, height: 7, kind: 0).pixels
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        while pixels.count < width * height * 3 { pixels += tile }
        let image = RGBImage(width: width, height: height, pixels: Array(pixels[..<(width * height * 3)]))
        let half = resized(image, width: width / 2, height: height / 2, filter: .box)
        #expect(admCenterCrop(image, size: 3000) == half.cropped(x: 0, y: 0, width: 3000, height: 3000))
    }

    /// Files of a terabyte that take no space.
    @Test(arguments: ["rgb8.png", "text.png"])
    func aSparseFileIsNotReadWhole(name: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Fixture.bytes(name), to: "a/1.png")
        guard truncate(path, 1 << 40) == 0 else { return }
        let error = #expect(throws: PixNerdError.self) { try ImageFile.read(path) }
        let message = try #require(error).description
        #expect(message.contains(name == "text.png" ? "is not a picture" : "has 1099511627776 bytes"))
        let report = DatasetReport(inspecting: try ImageCollection.open(root: folder.path))
        #expect(report.unreadable.count == 1)
    }

    @Test(arguments: ["rgb8.png", "colour420.jpg"])
    func aFileThatIsCutOrSwappedIsSkipped(name: String) throws {
        let folder = try TemporaryFolder()
        let whole = try Fixture.bytes(name)
        let path = try folder.write(whole, to: "a/1.png")
        let found = try ImageCollection.open(root: folder.path)
        for content in [Array(whole[..<200]), [], Array("GIF89a".utf8) + whole] {
            try folder.write(content, to: "a/1.png")
            let reason = try #require(DatasetReport(inspecting: found).unreadable.first).reason
            #expect(reason.contains(path))
        }
    }

    /// EXIF data with an orientation, in either byte order.
    private func exif(_ orientation: UInt8, little: Bool) -> [UInt8] {
        little
            ? Array("II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
            : Array("MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]
    }

    private func turned(_ name: String, _ orientation: UInt8, little: Bool) throws -> [UInt8] {
        let file = try Fixture.bytes(name)
        let data = exif(orientation, little: little)
        guard name.hasSuffix(".jpg") else { return Array(file[..<33]) + chunk("eXIf", data) + file[33...] }
        let segment = Array("Exif\0\0".utf8) + data
        let length = segment.count + 2
        return [0xFF, 0xD8, 0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + segment + file[2...]
    }

    @Test(arguments: ["rgb8.png", "colour420.jpg"], [true, false])
    func orientationsAreNotedWhereTheyAreIgnored(name: String, little: Bool) throws {
        let folder = try TemporaryFolder()
        let plain = try ImageFile.decode(Fixture.bytes(name), name: name)
        for orientation in [1, 3, 6, 8, 9] as [UInt8] {
            let bytes = try turned(name, orientation, little: little)
            #expect(try ImageFile.decode(bytes, name: name) == plain)
            try folder.write(bytes, to: "a/\(orientation).\(name)")
        }
        let collection = try ImageCollection.open(root: folder.path)
        #expect(DatasetReport(inspecting: collection).turned == 3)
        let keeper = LogKeeper()
        let loader = BatchLoader(
            collection: collection, imageSize: 8, batchSize: 10, seed: 1, workers: 2,
            decoding: PictureDecoding(exif: .ignore), logger: keeper.logger)
        defer { loader.stop() }
        _ = try loader.next()
        #expect(keeper.messages.withLock { $0.count { $0.contains("EXIF says") } } == 1)
    }

    @Test func damagedEXIFNeverCrashes() throws {
        let whole = try turned("colour420.jpg", 6, little: true)
        for at in 2..<50 {
            for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
                var damaged = whole
                damaged[at] = value
                _ = try? ImageFile.decode(damaged, name: "a picture")
            }
        }
    }
}
