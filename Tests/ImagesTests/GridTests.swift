import PixNerdImages
import Testing

/// Sheets of pictures with labels.
@Suite struct GridTests {
    private func plain(_ width: Int, _ height: Int) -> RGBImage {
        RGBImage(width: width, height: height, fill: (200, 10, 30))
    }

    /// How many pixels of the sheet have a colour.
    private func count(_ sheet: RGBImage, _ color: [UInt8]) -> Int {
        stride(from: 0, to: sheet.pixels.count, by: 3).count { Array(sheet.pixels[$0..<$0 + 3]) == color }
    }

    @Test func picturesAreShownWholeWithGapsBetween() {
        let sheet = ImageGrid.make(
            rows: [(label: nil, images: [plain(10, 8), plain(6, 12)]), (label: nil, images: [plain(4, 4)])],
            padding: 3, scale: 1)
        #expect(sheet.width == 3 + 10 + 3 + 6 + 3 && sheet.height == 3 + 12 + 3 + 4 + 3)
        #expect(count(sheet, [200, 10, 30]) == 10 * 8 + 6 * 12 + 4 * 4)
        #expect(count(sheet, [255, 255, 255]) == sheet.width * sheet.height - (10 * 8 + 6 * 12 + 4 * 4))
    }

    @Test(arguments: [(32, 64), (16, 64), (20, 80), (64, 64), (100, 100)])
    func smallPicturesAreEnlarged(size: Int, cell: Int) {
        let sheet = ImageGrid.make(rows: [(label: nil, images: [plain(size, size)])])
        #expect(sheet.width == cell + 4 && sheet.height == cell + 4)
        #expect(count(sheet, [200, 10, 30]) == cell * cell)
    }

    @Test func enlargingRepeatsPixels() {
        let image = syntheticPicture(width: 5, height: 4, kind: 0)
        let sheet = ImageGrid.make(rows: [(label: nil, images: [image])], padding: 0, scale: 3)
        for y in 0..<12 {
            for x in 0..<15 {
                let (at, from) = ((y * 15 + x) * 3, (y / 3 * 5 + x / 3) * 3)
                #expect(sheet.pixels[at..<at + 3].elementsEqual(image.pixels[from..<from + 3]))
            }
        }
    }

    @Test func labelsAreDrawnBesideThePictures() {
        let bare = ImageGrid.make(rows: [(label: nil, images: [plain(64, 64)])])
        let sheet = ImageGrid.make(rows: [(label: "tench", images: [plain(64, 64)])])
        #expect(sheet.width > bare.width + 5 * 5 && sheet.height == bare.height)
        // All of the picture is there, and the ink is in the margin.
        #expect(count(sheet, [200, 10, 30]) == 64 * 64)
        let margin = sheet.cropped(x: 0, y: 0, width: sheet.width - bare.width, height: sheet.height)
        #expect(count(margin, [64, 64, 64]) == count(sheet, [64, 64, 64]))
        #expect(count(margin, [64, 64, 64]) > 40)
        #expect(sheet != ImageGrid.make(rows: [(label: "trout", images: [plain(64, 64)])]))
    }

    @Test func longLabelsAreBrokenIntoLines() {
        /// Lines of ink in the margin of a row: H is as tall as a line.
        func lines(_ label: String, height: Int = 64) -> Int {
            let picture = plain(64, height)
            let sheet = ImageGrid.make(rows: [(label: label, images: [picture])])
            let margin = sheet.width - 68
            let rows = (0..<sheet.height).map { y in
                count(sheet.cropped(x: 0, y: y, width: margin, height: 1), [64, 64, 64]) > 0
            }
            return zip([false] + rows, rows).count { !$0 && $1 }
        }
        let word = String(repeating: "H", count: 12)
        #expect(lines(word) == 1 && lines("\(word) HHHHHHHHHHH") == 1)
        #expect(lines("\(word) \(word)") == 2 && lines("\(word) \(word) HHHH") == 2)
        #expect(lines("\(word) \(word) \(word)") == 3)
        // Without spaces they are broken anywhere; what a row has no room for is left out.
        #expect(lines(String(repeating: "H", count: 49)) == 3)
        let most = lines(String(repeating: "H", count: 2000))
        #expect(most > 3 && most < 12 && lines(String(repeating: "H", count: 20_000)) == most)
        #expect(lines(String(repeating: "H", count: 300), height: 9) == 1)
    }

    @Test func longLabelsAreCutAndStrangeCharactersAreBoxes() {
        func width(_ label: String) -> Int { ImageGrid.make(rows: [(label: label, images: [plain(64, 64)])]).width }
        #expect(width(String(repeating: "w", count: 24)) == width(String(repeating: "w", count: 300)))
        func sheet(_ label: String) -> RGBImage { ImageGrid.make(rows: [(label: label, images: [plain(64, 64)])]) }
        #expect(sheet("\u{1F41F}") == sheet("\u{E9}"))
        #expect(sheet("\u{E9}") != sheet(" "))
    }

    @Test func everyPrintableCharacterLooksDifferent() {
        let sheets = (32..<127).map { code in
            ImageGrid.make(rows: [(label: String(UnicodeScalar(UInt8(code))), images: [plain(64, 64)])]).pixels
        }
        #expect(Set(sheets).count == 95)
    }

    @Test func aLabelTallerThanItsPictureFits() {
        let sheet = ImageGrid.make(rows: [(label: "a", images: [plain(200, 1)]), (label: "b", images: [])])
        #expect(sheet.height > 2 * 9)
    }
}
