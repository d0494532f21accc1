import Logging
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Pictures that belong to images by their names.
@Suite struct CompanionTests {
    /// Six images, and their negatives in a second folder.
    private func withNegatives(_ body: (_ images: ImageCollection, _ negatives: String) throws -> Void) throws {
        let folder = try TemporaryFolder()
        for number in 0..<6 {
            let image = syntheticPicture(width: 24 + number, height: 20, kind: number % 2)
            try folder.write(ImageFile.encodePNG(image), to: "images/a.b/\(number).x.png")
            let negative = RGBImage(width: image.width, height: 20, pixels: image.pixels.map { 255 - $0 })
            try folder.write(ImageFile.encodePNG(negative), to: "negatives/a.b/\(number).x.png")
        }
        try body(try ImageCollection.open(root: "\(folder.path)/images"), "\(folder.path)/negatives")
    }

    /// Companions have the crop and flip of their images, whatever the threads do.
    @Test(arguments: CropMode.allCases)
    func theyAreCroppedAndFlippedAsTheirImages(crop: CropMode) throws {
        try withNegatives { images, negatives in
            let loader = BatchLoader(
                collection: images, companions: try PictureCompanions(root: negatives, of: images),
                buckets: ImageBuckets(size: 16, of: images), plan: BatchPlan(batchSize: 4), seed: 3, workers: 2,
                transform: ImageTransform(crop: crop, flip: true), logger: Logger(label: "test"))
            defer { loader.stop() }
            for _ in 0..<4 {
                let batch = try loader.next()
                let companions = try #require(batch.ofCompanions)
                #expect(companions.indices == batch.indices)
                let pairs = zip(batch.bytes, companions.bytes)
                // Rounding, and padding, which is grey.
                #expect(pairs.allSatisfy { abs(Int($0) + Int($1) - 255) <= 1 })
                #expect(Set(batch.bytes).count > 100)
                let mirrored = batch.mirrored
                #expect(mirrored.ofCompanions?.bytes == companions.mirrored.bytes)
            }
        }
    }

    @Test func cropsHaveThemToo() throws {
        try withNegatives { images, negatives in
            let companions = try PictureCompanions(root: negatives, of: images)
            let reader = CropReader(images, companions: companions, imageSize: 16)
            let batch = try #require(reader.read([4, 1], unreadable: { Issue.record("\($0)") }))
            let joined = LoadedBatch(joining: [batch, batch])
            #expect(joined.ofCompanions?.bytes == (batch.ofCompanions?.bytes ?? []) + (batch.ofCompanions?.bytes ?? []))
            #expect(CropReader(images, imageSize: 16).read([0], unreadable: { _ in })?.ofCompanions == nil)
        }
    }

    @Test func missingAndDoubledOnesAreNamed() throws {
        try withNegatives { images, negatives in
            let folder = try TemporaryFolder()
            try folder.write(ImageFile.encodePNG(syntheticPicture(width: 24, height: 20, kind: 0)), to: "a.b/0.x.png")
            expectSentence(
                sentence { _ = try PictureCompanions(root: folder.path, of: images) },
                naming: [folder.path, "a.b/1.x.png"])
            try folder.write(ImageFile.encodePNG(syntheticPicture(width: 24, height: 20, kind: 0)), to: "a.b/0.x.bmp")
            expectSentence(
                sentence { _ = try PictureCompanions(root: folder.path, of: images) },
                naming: ["0.x.bmp", "0.x.png", "same image"])
        }
    }
}
