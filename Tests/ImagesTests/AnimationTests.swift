import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

@Suite struct AnimationTests {
    /// Frames whose colours move on from one to the next.
    private static let animation = Animation(
        (0..<3).map { step in
            let pixels = (0..<9 * 7).flatMap { i -> [UInt8] in [UInt8(i), UInt8(80 * step), UInt8(255 - i)] }
            return Animation.Frame(RGBImage(width: 9, height: 7, pixels: pixels), milliseconds: 100 * (step + 1))
        })

    /// The chunks of a PNG file: names and bodies.
    private static func chunks(_ bytes: [UInt8]) -> [(name: String, body: ArraySlice<UInt8>)] {
        var chunks: [(String, ArraySlice<UInt8>)] = []
        var at = 8
        while at + 12 <= bytes.count {
            let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            chunks.append((String(decoding: bytes[at + 4..<at + 8], as: UTF8.self), bytes[at + 8..<at + 8 + length]))
            at += length + 12
        }
        return chunks
    }

    @Test func anAnimatedPNGHoldsEachFrame() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a.apng"
            try Self.animation.write(.apng, to: path)
            // A viewer that knows no animation shows the first frame.
            #expect(try ImageFile.read(path) == Self.animation.frames[0].picture)
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let chunks = Self.chunks(bytes)
            #expect(
                chunks.map(\.name) == ["IHDR", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "fcTL", "fdAT", "IEND"])
            #expect(Array(chunks[1].body) == [0, 0, 0, 3, 0, 0, 0, 0])
            let controls = chunks.filter { $0.name == "fcTL" }.map { Array($0.body) }
            #expect(controls.map { Int($0[3]) } == [0, 1, 3], "sequence numbers count fdAT chunks too")
            #expect(controls.map { Int($0[20]) << 8 | Int($0[21]) } == [100, 200, 300])
            #expect(controls.allSatisfy { Array($0[4..<12]) == [0, 0, 0, 9, 0, 0, 0, 7] })
            // A later frame's data are those of its own PNG file, behind a sequence number.
            let second = try ImageFile.encodePNG(Self.animation.frames[1].picture)
            #expect(chunks[5].body.dropFirst(4) == Self.chunks(second).first { $0.name == "IDAT" }!.body[...])
        }
    }

    @Test func aGIFHasAFrameForEach() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a.gif"
            try Self.animation.write(.gif, to: path)
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            #expect(bytes.prefix(6).elementsEqual("GIF89a".utf8))
            #expect(Array(bytes[6..<10]) == [9, 0, 7, 0])
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.contains("NETSCAPE2.0"))
            // Graphic control extensions: F9, 4 bytes, no disposal, the delay in hundredths of a second.
            let delays = bytes.indices.dropLast(5).filter {
                Array(bytes[$0..<$0 + 4]) == [0x21, 0xF9, 4, 4] && bytes[$0 + 5] == 0
            }.map { bytes[$0 + 4] }
            #expect(delays == [10, 20, 30])
            #expect(bytes.last == 0x3B)
        }
    }

    @Test func aFolderThatIsMissingIsNamed() {
        for format in Animation.Format.allCases {
            let error = #expect(throws: PixNerdError.self) {
                try Self.animation.write(format, to: "/nowhere/at/all/a")
            }
            expectSentence(error?.description ?? "", naming: ["/nowhere/at/all/a", "cannot be written"])
        }
    }
}

@Suite struct PaletteTests {
    @Test func fewColoursAreKeptAsTheyAre() throws {
        let colors: [[UInt8]] = [[0, 0, 0], [255, 255, 255], [200, 10, 30], [16, 120, 240]]
        let picture = RGBImage(width: 8, height: 4, pixels: (0..<32).flatMap { colors[$0 * 7 % 4] })
        let palette = Palette(picture, colors: 256)
        let indices = palette.indices(of: picture)
        #expect(palette.colors.count == 4)
        for (place, index) in indices.enumerated() {
            let color = palette.colors[Int(index)]
            #expect([color.red, color.green, color.blue] == colors[place * 7 % 4])
        }
    }

    @Test(arguments: [2, 16, 256])
    func manyColoursAreNear(limit: Int) {
        // A plane of the colour cube: 64 levels of red and green.
        let pixels = (0..<4096).flatMap { (place: Int) -> [UInt8] in
            [UInt8(place / 64 * 4), UInt8(place % 64 * 4), 128]
        }
        let picture = RGBImage(width: 64, height: 64, pixels: pixels)
        let palette = Palette(picture, colors: limit)
        #expect(palette.colors.count == limit)
        var furthest = 0
        for (place, index) in palette.indices(of: picture).enumerated() {
            let color = palette.colors[Int(index)]
            furthest = max(furthest, abs(Int(color.red) - Int(pixels[place * 3])))
            furthest = max(furthest, abs(Int(color.green) - Int(pixels[place * 3 + 1])))
        }
        // Equal squares would have half sides of 128 / sqrt(limit); a cut may leave boxes twice as long as wide.
        #expect(Double(furthest) <= 2 * 128 / Double(limit).squareRoot() + 4, "\(limit): \(furthest)")
    }
}
