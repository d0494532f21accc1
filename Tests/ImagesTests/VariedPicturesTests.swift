import PixNerdDiffusion
import PixNerdImages
import PixNerdSupport
import Testing

/// Fifty pictures of many sizes and kinds in one shard, cropped as Pillow crops them.
@Suite struct VariedPicturesTests {
    struct Crop: Decodable {
        let name: String
        let label: Int
        let width: Int
        let height: Int
        let size: Int
        let crc: UInt32
    }

    private let shard: [UInt8]
    private let collection: ImageCollection
    private let crops: [Crop]

    init() throws {
        shard = try Fixture.bytes("varied.tar")
        collection = try ImageCollection.open(root: Fixture.path("varied.tar"))
        crops = try Fixture.json("varied.json")
    }

    private func decoded(_ sample: ImageCollection.Sample) throws -> RGBImage {
        try ImageFile.decode(Array(shard[try #require(sample.range)]), name: sample.name)
    }

    /// What Pillow decoded from a JPEG, which stands in front of it in the shard as a PNG.
    private func pillowsPixels(_ sample: ImageCollection.Sample) throws -> RGBImage {
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        let end = try #require(sample.range).lowerBound
        let start = try #require(
            stride(from: end - 512, to: 0, by: -512).first { shard[$0..<$0 + 8].elementsEqual(signature) })
        return try ImageFile.decode(Array(shard[start..<end]), name: sample.name)
    }

    @Test func theShardHoldsThemAll() {
        #expect(collection.samples.count == 50)
        #expect(collection.classes == (0..<7).map(String.init))
        for (number, sample) in collection.samples.enumerated() {
            #expect(sample.entry == crops[2 * number].name && sample.label == crops[2 * number].label)
        }
    }

    @Test func cropsAreEqualByteForByte() throws {
        for crop in crops {
            let sample = try #require(collection.samples.first { $0.entry == crop.name })
            let isPNG = crop.name.hasSuffix("png")
            let image = isPNG ? try decoded(sample) : try pillowsPixels(sample)
            #expect(image.width == crop.width && image.height == crop.height)
            #expect(
                crc32(admCenterCrop(image, size: ImageSize(crop.size)).pixels) == crop.crc,
                "\(crop.name) to \(crop.size)")
        }
    }

    @Test func jpegsAreDecodedWithinOneLevel() throws {
        var count = 0
        for sample in collection.samples where !sample.name.hasSuffix("png") {
            let difference = try #require(
                largestDifference(try decoded(sample).pixels, try pillowsPixels(sample).pixels))
            #expect(difference <= 1, "\(sample.name): \(difference)")
            count += 1
        }
        #expect(count >= 15)
    }

    /// The loader's own way of reading gives the same.
    @Test func theLoaderCropsThemAlike() throws {
        let loader = BatchLoader(
            collection: collection, imageSize: 32, batchSize: 50, seed: 1, workers: 2, logger: LogKeeper().logger)
        defer { loader.stop() }
        let batch = try loader.next()
        #expect(loader.skipped.isEmpty)
        for (place, index) in batch.indices.enumerated() {
            let expected = admCenterCrop(try decoded(collection.samples[index]), size: 32)
            #expect(batch.bytes[place * 3072..<(place + 1) * 3072].elementsEqual(expected.pixels))
            #expect(batch.labels[place] == collection.samples[index].label)
        }
    }

    @Test(arguments: [(1, 40), (40, 1), (1, 1)])
    func aLineOfPixelsIsSkippedAndNamed(width: Int, height: Int) throws {
        let folder = try TemporaryFolder()
        try folder.write(ImageFile.encodePNG(syntheticPicture(width: width, height: height, kind: 1)), to: "a/line.png")
        try folder.write(ImageFile.encodePNG(syntheticPicture(width: 8, height: 9, kind: 1)), to: "a/picture.png")
        let keeper = LogKeeper()
        let loader = BatchLoader(
            collection: try ImageCollection.open(root: folder.path), imageSize: 8, batchSize: 4, seed: 0,
            logger: keeper.logger)
        defer { loader.stop() }
        #expect(try loader.next().indices == [1, 1, 1, 1])
        #expect(loader.skipped == [folder.path + "/a/line.png"])
        let message = try #require(keeper.messages.withLock { $0.first })
        #expect(message.hasSuffix("line.png has \(width) x \(height) pixels; expected at least 2 on each side."))
    }
}
