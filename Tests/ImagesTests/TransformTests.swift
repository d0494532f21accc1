import Logging
import PixNerdDiffusion
import PixNerdImages
import PixNerdSupport
import Testing

/// Random crops and flips, byte for byte as the published procedures make them from the same random numbers.
@Suite struct TransformTests {
    struct Case: Decodable, CustomTestStringConvertible {
        let width: Int
        let height: Int
        let kind: Int
        let mode: String
        let flip: Bool
        let seed: UInt64
        let epoch: Int
        let index: Int
        let size: Int
        let crc: UInt32
        var testDescription: String { "\(mode) \(width)x\(height) to \(size), epoch \(epoch)" }
    }

    @Test(arguments: try Fixture.json("transforms.json") as [Case])
    func cropsAsPythonDoes(item: Case) throws {
        let image = syntheticPicture(width: item.width, height: item.height, kind: item.kind)
        let transform = ImageTransform(crop: try #require(CropMode(rawValue: item.mode)), flip: item.flip)
        let result = transform(image, size: ImageSize(item.size), seed: item.seed, epoch: item.epoch, index: item.index)
        #expect(result.width == item.size && result.height == item.size)
        #expect(crc32(result.pixels) == item.crc)
    }

    @Test(arguments: CropMode.allCases)
    func halfOfThePicturesAreMirrored(crop: CropMode) {
        let image = syntheticPicture(width: 40, height: 30, kind: 1)
        var mirrored = 0
        for index in 0..<400 {
            let plain = ImageTransform(crop: crop)(image, size: 16, seed: 3, epoch: 1, index: index)
            let flipped = ImageTransform(crop: crop, flip: true)(image, size: 16, seed: 3, epoch: 1, index: index)
            if flipped == plain { continue }
            mirrored += 1
            for y in 0..<16 {
                for x in 0..<16 {
                    let (at, from) = ((y * 16 + x) * 3, (y * 16 + 15 - x) * 3)
                    #expect(flipped.pixels[at..<at + 3].elementsEqual(plain.pixels[from..<from + 3]))
                }
            }
        }
        // Five standard deviations on either side.
        #expect((150...250).contains(mirrored))
    }

    @Test(arguments: [CropMode.random, .resized])
    func everyEpochCropsAnew(crop: CropMode) {
        let image = syntheticPicture(width: 90, height: 70, kind: 0)
        let transform = ImageTransform(crop: crop)
        let crops = (0..<6).map { transform(image, size: 32, seed: 1, epoch: $0, index: 5).pixels }
        #expect(Set(crops).count == 6)
        #expect(transform(image, size: 32, seed: 1, epoch: 2, index: 5).pixels == crops[2])
        #expect(transform(image, size: 32, seed: 2, epoch: 2, index: 5).pixels != crops[2])
        #expect(transform(image, size: 32, seed: 1, epoch: 2, index: 6).pixels != crops[2])
    }

    /// A picture that has the right size already, and one whose rows alone are resampled.
    @Test func picturesThatNeedNoScalingAreMirroredToo() {
        for width in [16, 32] {
            let image = syntheticPicture(width: width, height: 16, kind: 0)
            let results = (0..<20).map {
                ImageTransform(flip: true)(image, size: 16, seed: 0, epoch: 0, index: $0).pixels
            }
            #expect(Set(results).count == 2)
        }
    }

    @Test func theLoaderTransformsByEpochAndPlace() throws {
        let temporary = try TemporaryFolder()
        for number in 0..<7 {
            let image = syntheticPicture(width: 60 + 7 * number, height: 50, kind: 0)
            try temporary.write(ImageFile.encodePNG(image), to: "a/\(number).png")
        }
        let collection = try ImageCollection.open(root: temporary.path)
        let transform = ImageTransform(crop: .resized, flip: true)
        func load(batchSize: Int, workers: Int, count: Int) throws -> (indices: [Int], pixels: [UInt8]) {
            let loader = BatchLoader(
                collection: collection, imageSize: 16, batchSize: batchSize, seed: 9, workers: workers,
                transform: transform, logger: LogKeeper().logger)
            defer { loader.stop() }
            let batches = try (0..<count).map { _ in try loader.next() }
            return (batches.flatMap(\.indices), batches.flatMap(\.bytes))
        }
        let single = try load(batchSize: 1, workers: 1, count: 24)
        #expect(try load(batchSize: 6, workers: 3, count: 4) == single)
        for (sample, index) in single.indices.enumerated() {
            let image = try ImageFile.read(collection.samples[index].path)
            let expected = transform(image, size: 16, seed: 9, epoch: sample / 7, index: index)
            #expect(single.pixels[sample * 768..<(sample + 1) * 768].elementsEqual(expected.pixels))
        }
    }
}
