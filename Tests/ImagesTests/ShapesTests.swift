import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// The dataset that is made from a seed.
@Suite struct ShapesTests {
    @Test func aSeedMakesTheSameFilesAndALargerSetBeginsWithTheSmaller() throws {
        let folder = try TemporaryFolder()
        try ShapesDataset.write(to: folder.path + "/small", imagesPerClass: 2, size: 24, seed: 3)
        try ShapesDataset.write(to: folder.path + "/large", imagesPerClass: 3, size: 24, seed: 3)
        let small = try ImageFolder(root: folder.path + "/small")
        let large = try ImageFolder(root: folder.path + "/large")
        #expect(small.classes == ShapesDataset.classes && small.samples.count == 16 && large.samples.count == 24)
        #expect(small.samples[0].path.hasSuffix("/circle/00001.png"))
        for sample in small.samples {
            let twin = sample.path.replacingOccurrences(of: "/small/", with: "/large/")
            #expect(try ImageFile.read(sample.path) == ImageFile.read(twin))
        }
    }

    /// The pixels are part of what a seed means: a change here changes every run on this dataset.
    @Test func pixelsStayWhatTheyAre() {
        let checksums = ShapesDataset.classes.indices.map {
            crc32(ShapesDataset.picture(label: $0, index: 0, size: 32, seed: 1).pixels)
        }
        #expect(
            checksums == [
                4_264_846_232, 1_043_066_268, 2_984_597_898, 3_662_387_142, 3_841_350_729, 1_546_132_768, 2_573_208_936,
                4_277_578_449,
            ])
    }

    @Test func picturesDifferByClassNumberAndSeed() {
        var seen: Set<[UInt8]> = []
        for label in ShapesDataset.classes.indices {
            for index in 0..<3 {
                for seed in [1, 2] as [UInt64] {
                    seen.insert(ShapesDataset.picture(label: label, index: index, size: 16, seed: seed).pixels)
                }
            }
        }
        #expect(seen.count == ShapesDataset.classes.count * 6)
    }

    /// A shape is large, leaves room for its background, and differs clearly from it in colour.
    @Test func shapesStandOut() {
        for label in ShapesDataset.classes.indices {
            for index in 0..<40 {
                let image = ShapesDataset.picture(label: label, index: index, size: 32, seed: 9)
                // The corners are background; the shape's pixels are those far from it.
                let background = (0..<3).map { Int(image.pixels[$0]) }
                let distinct = stride(from: 0, to: image.pixels.count, by: 3).count { at in
                    (0..<3).reduce(0) { $0 + abs(Int(image.pixels[at + $1]) - background[$1]) } > 120
                }
                #expect(distinct > 40 && distinct < 600, "\(ShapesDataset.classes[label]) \(index): \(distinct)")
            }
        }
    }

    @Test func scatteredShapesLieInAllCorners() {
        var corners: Set<Int> = []
        for index in 0..<40 {
            let image = ShapesDataset.picture(label: 3, index: index, size: 32, seed: 9, placement: .scattered)
            #expect(
                image.pixels
                    == ShapesDataset.picture(label: 3, index: index, size: 32, seed: 9, placement: .scattered).pixels)
            func isShape(_ row: Int, _ column: Int) -> Bool {
                let (at, edge) = ((row * 32 + column) * 3, row * 32 * 3)
                return (0..<3).reduce(0) { $0 + abs(Int(image.pixels[at + $1]) - Int(image.pixels[edge + $1])) } > 120
            }
            for (corner, place) in [(6, 6), (6, 25), (25, 6), (25, 25)].enumerated() where isShape(place.0, place.1) {
                corners.insert(corner)
            }
        }
        #expect(corners == [0, 1, 2, 3])
    }

    @Test func nothingIsOverwritten() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "set/precious.txt")
        try folder.write([1], to: "file")
        func complaint(_ name: String, imagesPerClass: Int = 1, size: Int = 32) -> String {
            let error = #expect(throws: PixNerdError.self) {
                try ShapesDataset.write(
                    to: folder.path + name, imagesPerClass: imagesPerClass, size: size, seed: 1)
            }
            return error?.description ?? ""
        }
        #expect(complaint("/set").hasSuffix("/set is not empty; name a new one, or empty it first."))
        #expect(complaint("/file").hasSuffix("/file is a file; expected a new folder for the pictures."))
        #expect(complaint("/new", imagesPerClass: 0).contains("at least 1"))
        #expect(complaint("/new", size: 4).contains("a side of 8 to 4096"))
        #expect(complaint("/file/below").contains("/file/below/circle cannot be made"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/set") == ["precious.txt"])
    }
}
