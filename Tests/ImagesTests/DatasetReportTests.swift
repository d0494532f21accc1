import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// What is told about a data set before anyone trains on it.
@Suite struct DatasetReportTests {
    /// Three classes with the fixtures of every kind, sound and broken ones.
    private func makeFolder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let files = [
            "cats": ["grey8.png", "rgb16.png", "palette4-transparent.png", "cmyk.jpg", "bad-checksum.png"],
            "dogs": ["rgb8.png", "rgba8.png", "colour420.jpg", "a-gif.jpg"],
            "eels": ["grey.jpg", "one-pixel.png", "trailing-bytes.jpg", "grey16-alpha.png", "rgb8-transparent.png"],
        ]
        for (name, members) in files {
            for member in members { try folder.write(Fixture.bytes(member), to: "\(name)/\(member)") }
        }
        try folder.write([], to: "dogs/new.avif")
        return folder
    }

    @Test func everythingIsCounted() throws {
        let folder = try makeFolder()
        var told: [Int] = []
        let collection = try ImageCollection.open(root: folder.path)
        let report = DatasetReport(inspecting: collection, sizes: [20]) { told.append($0) }
        #expect(told.last == 14 && report.pictures == 14 && report.root == folder.path)
        #expect(report.classes.map(\.name) == ["cats", "dogs", "eels"])
        #expect(report.classes.map(\.pictures) == [5, 4, 5])
        #expect(
            report.picturesPerClass.smallest == 4 && report.picturesPerClass.median == 5
                && report.picturesPerClass.largest == 5)
        // Of 29 x 23 pixels are the JPEGs, of 13 x 11 the PNGs.
        #expect(report.width?.smallest == 13 && report.width?.median == 13 && report.width?.largest == 29)
        #expect(report.height?.smallest == 11 && report.height?.largest == 23)
        #expect(report.aspectRatio?.smallest == 13.0 / 11 && report.aspectRatio?.largest == 29.0 / 23)
        #expect(report.landscape == 0 && report.portrait == 0 && report.nearlySquare == 11)
        #expect(report.crops.map(\.size) == ["20"] && report.crops[0].enlarged == 7)
        #expect(report.formats == ["JPEG": 4, "PNG": 7])
        #expect(report.usualFormat == "rgb, 8 bits" && report.turned == 0 && report.profiles == [:])
        #expect(report.grey == 3 && report.cmyk == 1 && report.palette == 1)
        #expect(report.alpha == 4 && report.sixteenBit == 2)
        #expect(report.unsupported == ["avif": 1])
        let names = ["cats/bad-checksum.png", "dogs/a-gif.jpg", "eels/one-pixel.png"].map { "\(folder.path)/\($0)" }
        #expect(report.unreadable.map(\.name) == names)
        for item in report.unreadable { #expect(item.reason.contains(item.name)) }
    }

    @Test func anythingUnreadableStillGivesAReport() throws {
        let folder = try TemporaryFolder()
        try folder.write([], to: "a/1.png")
        let report = DatasetReport(inspecting: try ImageCollection.open(root: folder.path))
        #expect(report.width == nil && report.crops.isEmpty && report.unreadable.count == 1)
        #expect(throws: PixNerdError.self) { try ContactSheet.make(ImageCollection.open(root: folder.path)) }
    }

    @Test func theSheetShowsEveryFewthClass() throws {
        let folder = try TemporaryFolder()
        for label in 10..<40 {
            let image = RGBImage(width: 12, height: 16, fill: (UInt8(label), 0, 0))
            try folder.write(ImageFile.encodePNG(image), to: "\(label)/1.png")
            try folder.write([], to: "\(label)/2.png")
        }
        let sheet = try ContactSheet.make(ImageCollection.open(root: folder.path), classes: 3, side: 32)
        let reds = Set(
            stride(from: 0, to: sheet.pixels.count, by: 3).filter { sheet.pixels[$0 + 1] == 0 }
                .map { sheet.pixels[$0] })
        #expect(reds == [10, 20, 30])
        #expect(sheet.height == 3 * 32 + 4 * 4)
    }
}
