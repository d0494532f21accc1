import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Reading PNG and JPEG files as Pillow reads them, and refusing what is not one.
@Suite struct CodecTests {
    struct Codec: Decodable, CustomTestStringConvertible {
        let name: String
        let width: Int
        let height: Int
        var testDescription: String { name }
    }

    @Test(arguments: try Fixture.json("codecs.json") as [Codec])
    func readsWhatPillowReads(codec: Codec) throws {
        let image = try ImageFile.read(Fixture.path(codec.name))
        #expect(image.width == codec.width && image.height == codec.height)
        let difference = try #require(largestDifference(image.pixels, try Fixture.bytes("\(codec.name).rgb")))
        // PNG is exact. Two versions of a JPEG library may round differently by one level.
        #expect(difference <= (codec.name.hasSuffix(".jpg") ? 1 : 0))
    }

    @Test(arguments: [
        ("bad-checksum.png", "is a damaged PNG file"),
        ("absurd-size.png", "claims a size of 65535 x 65535 pixels"),
        ("zero-size.png", "is a damaged PNG file"),
        ("absurd-size.jpg", "claims a size of 65000 x 65000 pixels"),
        ("two-components.jpg", "with 2 components"),
        ("a-gif.jpg", "is a GIF, which cannot be read"),
        ("text.png", "is not a picture"),
        ("empty.jpg", "is an empty file"),
        ("no-such-file.png", "No such file or directory"),
    ])
    func refusesWhatIsNoPicture(name: String, complaint: String) throws {
        let path = Fixture.path(name)
        let error = #expect(throws: PixNerdError.self) { try ImageFile.read(path) }
        let message = try #require(error).description
        #expect(message.contains(path) && message.contains(complaint), "\(message)")
    }

    @Test func refusesAFolder() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: PixNerdError.self) { try ImageFile.read(folder.path) }
        #expect(error?.description.contains("is not a regular file") == true)
    }

    @Test(arguments: [
        "rgb8.png", "rgb8-interlaced.png", "palette4-transparent.png", "colour420.jpg", "progressive.jpg",
        "exif.jpg", "cmyk.jpg", "restarts.jpg",
    ])
    func noticesEveryTruncation(name: String) throws {
        let whole = try Fixture.bytes(name)
        #expect(throws: Never.self) { try ImageFile.decode(whole, name: name) }
        for count in 0..<whole.count {
            let error = #expect(throws: PixNerdError.self, "cut to \(count) bytes") {
                try ImageFile.decode(Array(whole[..<count]), name: name)
            }
            if count > 8 { #expect(error?.description.contains("\(name) is cut short") == true, "\(count) bytes") }
        }
    }

    @Test(arguments: ["rgb8.png", "palette4.png", "colour420.jpg", "progressive.jpg", "ycck.jpg"])
    func damageNeverCrashes(name: String) throws {
        let whole = try Fixture.bytes(name)
        for at in whole.indices {
            for change in [0x01, 0x80, 0xFF] as [UInt8] {
                var damaged = whole
                damaged[at] ^= change
                // Some changes still give a picture; none may do worse than throw.
                if let image = try? ImageFile.decode(damaged, name: name) {
                    #expect(image.pixels.count == image.width * image.height * 3)
                }
            }
        }
    }

    @Test(arguments: [(1, 1), (1, 40), (53, 31), (256, 3)])
    func pngKeepsEveryPixel(width: Int, height: Int) throws {
        let image = syntheticPicture(width: width, height: height, kind: 0)
        #expect(try ImageFile.decode(ImageFile.encodePNG(image), name: "a picture") == image)
    }

    @Test func writingReplacesTheFileAndLeavesNothingBeside() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/picture.png"
        for kind in [0, 1] {
            let image = syntheticPicture(width: 20, height: 10, kind: kind)
            try ImageFile.writePNG(image, to: path)
            #expect(try ImageFile.read(path) == image)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["picture.png"])
    }

    @Test func writingToAMissingFolderNamesIt() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/missing/picture.png"
        let error = #expect(throws: PixNerdError.self) {
            try ImageFile.writePNG(RGBImage(width: 1, height: 1, fill: (1, 2, 3)), to: path)
        }
        #expect(error?.description == "\(path) cannot be written: No such file or directory.")
    }
}
