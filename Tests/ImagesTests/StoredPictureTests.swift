import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Pictures with all their channels and bits, as Pillow, tifffile and numpy read them.
@Suite struct StoredPictureTests {
    struct Stored: Decodable, CustomTestStringConvertible {
        let name: String
        let width: Int
        let height: Int
        let channels: Int
        let element: Raster.Element
        let hasAlpha: Bool
        var testDescription: String { name }
    }

    @Test(arguments: try StoredFixture.json("stored.json") as [Stored])
    func readsWhatTheOthersRead(stored: Stored) throws {
        let image = try ImageFile.readStored(StoredFixture.path(stored.name))
        #expect(image.width == stored.width && image.height == stored.height && image.channels == stored.channels)
        #expect(image.element == stored.element && image.hasAlpha == stored.hasAlpha)
        let difference = try #require(
            largestDifference(image.bytes, try StoredFixture.bytes("\(stored.name).raw")))
        // Two versions of a JPEG or a lossy WebP decoder may round differently by one level.
        #expect(difference <= (stored.name.hasSuffix(".jpg") || stored.name.hasPrefix("lossy") ? 1 : 0))
    }

    @Test(arguments: [1, 2, 3, 4, 7], [Raster.Element.uint8, .uint16, .float32])
    func everythingWrittenIsReadAgain(channels: Int, element: Raster.Element) throws {
        let count = 9 * 6 * channels
        let bytes: [UInt8]
        if element == .float32 {
            bytes = (0..<count).flatMap { withUnsafeBytes(of: Float($0) / 7 - 3, Array.init) }
        } else {
            bytes = (0..<count * element.size).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 >> 8) }
        }
        let image = Raster(
            width: 9, height: 6, channels: channels, element: element, hasAlpha: channels == 2 || channels == 4,
            bytes: bytes)
        let folder = try TemporaryFolder()
        for format in ImageFile.StoredFormat.allCases {
            if format == .png, channels > 4 || element == .float32 { continue }
            let path = "\(folder.path)/image.\(format.fileExtension)"
            try ImageFile.write(image, as: format, to: path)
            let read = try ImageFile.readStored(path)
            #expect(read.bytes == image.bytes && read.channels == channels && read.element == element, "\(format)")
            // Arrays do not say what their channels are.
            if format != .npy { #expect(read.hasAlpha == image.hasAlpha, "\(format)") }
        }
    }

    @Test(arguments: try StoredFixture.json("stored.json") as [Stored])
    func damageNeverCrashes(stored: Stored) throws {
        guard !stored.name.hasSuffix(".jpg"), !stored.name.hasSuffix(".png") else { return }
        let whole = try StoredFixture.bytes(stored.name)
        let folder = try TemporaryFolder()
        for count in stride(from: 0, to: whole.count, by: 7) {
            let path = try folder.write(Array(whole[..<count]), to: "cut")
            _ = try? ImageFile.readStored(path)
        }
        for at in whole.indices.prefix(600) {
            for change in [0x01, 0x80, 0xFF] as [UInt8] {
                var damaged = whole
                damaged[at] ^= change
                // Some changes still give a picture; none may do worse than throw.
                if let image = try? ImageFile.decode(damaged, name: stored.name) {
                    #expect(image.pixels.count == image.width * image.height * 3)
                }
                let path = try folder.write(damaged, to: "damaged")
                if let image = try? ImageFile.readStored(path) {
                    #expect(image.bytes.count == image.width * image.height * image.channels * image.element.size)
                }
            }
        }
    }

    @Test(arguments: [
        ("a.tif", "TIFF", "II*\0\u{8}\0\0\0"), ("a.webp", "WebP", "RIFF\u{10}\0\0\0WEBPVP8 "),
        ("a.bmp", "BMP", "BMxxxx"),
        ("a.npy", ".npy", ""),
    ])
    func aDamagedFileIsNamed(name: String, format: String, text: String) throws {
        let bytes = name == "a.npy" ? [0x93] + Array("NUMPY\u{1}\0\u{5}\0{'des".utf8) : Array(text.utf8)
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes + [UInt8](repeating: 0, count: 300), to: name)
        let error = #expect(throws: PixNerdError.self) { try ImageFile.readStored(path) }
        let message = try #require(error).description
        #expect(message.contains(path) && message.contains(format), "\(message)")
    }

    struct Turned: Decodable {
        let name: String
        let orientation: Int
        let width: Int
        let height: Int
    }

    @Test func orientationsAreAppliedAsPillowAppliesThem() throws {
        let folder = try TemporaryFolder()
        for turned: Turned in try StoredFixture.json("turned.json") {
            try folder.write(StoredFixture.bytes(turned.name), to: "a/\(turned.name)")
        }
        let collection = try ImageCollection.pictures(below: folder.path)
        for turned: Turned in try StoredFixture.json("turned.json") {
            let place = try #require(collection.samples.firstIndex { $0.path.hasSuffix(turned.name) })
            let image = try collection.read([place])[0].get()
            #expect(image.width == turned.width && image.height == turned.height, "\(turned.name)")
            let difference = try #require(
                largestDifference(image.pixels, try StoredFixture.bytes("\(turned.name).rgb")))
            #expect(difference <= (turned.name.hasSuffix(".jpg") ? 1 : 0), "\(turned.name)")
            let stored = try collection.read([place], decoding: PictureDecoding(exif: .ignore))[0].get()
            #expect(stored.width == 13 && stored.height == 11)
            #expect((stored == image) == (turned.orientation == 1), "\(turned.name)")
        }
    }

    @Test func aTurnedPictureIsCroppedAsItIsShown() throws {
        let folder = try TemporaryFolder()
        for name in ["turned1.png", "turned6.png"] { try folder.write(StoredFixture.bytes(name), to: "\(name)") }
        let collection = try ImageCollection.pictures(below: folder.path)
        let shown = try collection.read([1])[0].get()
        let reader = CropReader(collection, imageSize: 8)
        let batch = try #require(reader.read([1]) { Issue.record("\($0)") })
        #expect(batch.bytes == admCenterCrop(shown, size: 8).pixels)
    }

    @Test(arguments: ["profile.jpg", "profile.webp"])
    func aProfileIsNamed(name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(StoredFixture.bytes(name), to: "a/\(name)")
        let report = DatasetReport(inspecting: try ImageCollection.open(root: folder.path))
        #expect(report.profiles == ["sRGB built-in": 1])
    }

    @Test func otherProfilesAreCounted() throws {
        let folder = try TemporaryFolder()
        for name in ["profile.png", "profile.tif", "pages.tif"] {
            try folder.write(StoredFixture.bytes(name), to: "a/\(name)")
        }
        let report = DatasetReport(inspecting: try ImageCollection.open(root: folder.path))
        #expect(report.profiles.values.reduce(0, +) == 2 && report.severalPages == 1 && report.unreadable.isEmpty)
    }
}
