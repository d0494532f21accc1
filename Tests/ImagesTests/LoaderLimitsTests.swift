import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// How much is read ahead, and decoding that saves time.
@Suite struct LoaderLimitsTests {
    private func makeCollection() throws -> (folder: TemporaryFolder, collection: ImageCollection) {
        let folder = try TemporaryFolder()
        for number in 0..<12 {
            let image = syntheticPicture(width: 20, height: 18 + number, kind: 0)
            try folder.write(ImageFile.encodePNG(image), to: "a/\(number).png")
        }
        return (folder, try ImageCollection.open(root: folder.path))
    }

    // A batch of four pictures of 16 x 16 has 3072 bytes.
    @Test(arguments: [(nil, 5, 5), (0, 5, 1), (3071, 5, 1), (6144, 5, 2), (9999, 5, 3), (1 << 40, 2, 2)])
    func neverMoreThanTheLimitIsReadAhead(bytes: Int?, batches: Int, allowed: Int) throws {
        let (folder, collection) = try makeCollection()
        defer { withExtendedLifetime(folder) {} }
        let loader = BatchLoader(
            collection: collection, imageSize: 16, batchSize: 4, seed: 1, workers: 3, prefetchBatches: batches,
            prefetchBytes: bytes, logger: LogKeeper().logger)
        defer { loader.stop() }
        for _ in 0..<20 { _ = try loader.next() }
        // Given time, the threads fill what they may.
        let deadline = Date(timeIntervalSinceNow: 20)
        while loader.peakPrefetchedBytes < allowed * 3072 && Date() < deadline { Thread.sleep(forTimeInterval: 0.01) }
        #expect(loader.peakPrefetchedBytes == allowed * 3072)
    }

    private func load(_ collection: ImageCollection, size: Int, crop: CropMode, fast: Bool) throws -> LoadedBatch {
        let loader = BatchLoader(
            collection: collection, imageSize: ImageSize(size), batchSize: collection.samples.count, seed: 1,
            transform: ImageTransform(crop: crop), decoding: PictureDecoding(isFast: fast), logger: LogKeeper().logger)
        defer { loader.stop() }
        return try loader.next()
    }

    /// Three JPEGs that are several times larger than the crops, one of them with odd sides and one CMYK.
    @Test(arguments: CropMode.allCases)
    func fastDecodingStaysNearTheExactPicture(crop: CropMode) throws {
        let collection = try ImageCollection.open(root: Fixture.path("large.tar"))
        for size in [40, 64, 150] {
            let exact = try load(collection, size: size, crop: crop, fast: false)
            let fast = try load(collection, size: size, crop: crop, fast: true)
            #expect(exact.indices == fast.indices)
            let total = zip(exact.bytes, fast.bytes).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
            let mean = Double(total) / Double(exact.bytes.count)
            #expect(mean < 3, "\(mean) levels at \(size)")
            #expect(fast.pixels != exact.pixels)
        }
    }

    @Test func pngIsExactEvenThen() throws {
        let (folder, collection) = try makeCollection()
        defer { withExtendedLifetime(folder) {} }
        #expect(
            try load(collection, size: 8, crop: .resized, fast: true)
                == load(collection, size: 8, crop: .resized, fast: false))
    }

    @Test func loadingSpeedIsMeasured() throws {
        let (folder, collection) = try makeCollection()
        defer { withExtendedLifetime(folder) {} }
        #expect(try measureLoading(collection: collection, imageSize: 16, seconds: 0.05) > 0)
    }
}
