import Logging
import PixNerdSupport
import Testing

@testable import PixNerdImages

/// Images of several shapes, in batches of one size each.
@Suite struct ImageBucketsTests {
    private static let sizes: [ImageSize] = [
        ImageSize(height: 8, width: 8), ImageSize(height: 6, width: 10), ImageSize(height: 10, width: 6),
    ]

    /// 11 images as wide as high, 7 wide ones and 4 high ones, and one that is no image.
    private func collection(_ folder: TemporaryFolder, withBroken: Bool = false) throws -> ImageCollection {
        for number in 0..<22 {
            let (width, height) = number < 11 ? (16, 16) : number < 18 ? (30, 18) : (12, 20)
            let path = "a/\(number < 10 ? "0" : "")\(number).png"
            try folder.write([], to: path)
            try ImageFile.writePNG(
                syntheticPicture(width: width, height: height, kind: number % 2), to: "\(folder.path)/\(path)")
        }
        if withBroken { try folder.write([1, 2, 3], to: "a/99.png") }
        return try ImageCollection.open(root: folder.path)
    }

    @Test(arguments: [
        (100, 100, 0), (100, 160, 1), (160, 100, 2), (100, 126, 0), (100, 131, 1), (3000, 10, 2), (7, 7, 0),
    ])
    func imagesTakeTheShapeThatCutsLeast(height: Int, width: Int, bucket: Int) {
        #expect(ImageBuckets.bucket(of: ImageSize(height: height, width: width), among: Self.sizes) == bucket)
    }

    @Test(arguments: [(100, 2), (40, 1), (20, 0), (32, 1)])
    func ofSizesOfOneShapeImagesFillTheLargest(side: Int, bucket: Int) {
        #expect(ImageBuckets.bucket(of: ImageSize(side), among: [24, 32, 64]) == bucket)
    }

    @Test func shapesOfAnAreaAreMultiplesWithinIt() {
        let sizes = ImageBuckets.sizes(ofArea: 64, multiple: 8)
        #expect(sizes.map(\.text) == ["80x48", "72x56", "64", "56x72", "48x80"])
        #expect(ImageBuckets.sizes(ofArea: 8, multiple: 8) == [8])
        let wide = ImageBuckets.sizes(ofArea: ImageSize(height: 16, width: 40), multiple: 8)
        #expect(wide.map(\.text) == ["24", "16x40"])
    }

    @Test func allImagesAreReadEquallyOftenInBatchesOfOneSize() throws {
        let folder = try TemporaryFolder()
        let collection = try collection(folder)
        let buckets = ImageBuckets(sizes: Self.sizes, of: collection, exif: .apply)
        #expect(buckets.buckets.map(\.images.count) == [11, 7, 4])
        let loader = BatchLoader(
            collection: collection, buckets: buckets, plan: BatchPlan(step: 4, most: 2), seed: 3, workers: 2,
            logger: LogKeeper().logger)
        defer { loader.stop() }
        var seen = [Int](repeating: 0, count: 22)
        for _ in 0..<220 {
            let (one, other) = (try loader.next(), try loader.next())
            #expect(one.imageSize == other.imageSize && one.count == 2)
            for index in one.indices + other.indices {
                seen[index] += 1
                let bucket = try #require(buckets.buckets.firstIndex { $0.images.contains(index) })
                #expect(buckets.buckets[bucket].size == one.imageSize)
            }
        }
        // 880 samples of 22 images: 40 each, to one epoch and one step of a bucket.
        #expect(seen.allSatisfy { (39...41).contains($0) }, "\(seen)")
    }

    /// A loader that starts later, and those of two processes, read what one reads from the beginning.
    @Test(arguments: [0, 1, 7, 50])
    func resumedAndSharedOrdersAreTheSame(first: Int) throws {
        let folder = try TemporaryFolder()
        let collection = try collection(folder)
        let buckets = ImageBuckets(sizes: Self.sizes, of: collection, exif: .apply)
        func read(_ plan: BatchPlan, from step: Int, steps: Int) throws -> [[LoadedBatch]] {
            let loader = BatchLoader(
                collection: collection, buckets: buckets, plan: plan, seed: 3, startSample: step * plan.step,
                workers: 2,
                transform: ImageTransform(crop: .random, flip: true), logger: LogKeeper().logger)
            defer { loader.stop() }
            return try (0..<steps).map { _ in try plan.sizes.map { _ in try loader.next() } }
        }
        let whole = try read(BatchPlan(step: 5, most: 5), from: 0, steps: first + 6).suffix(6).map { $0[0] }
        let later = try read(BatchPlan(step: 5, most: 5), from: first, steps: 6).map { $0[0] }
        #expect(later == whole)
        let ranks = try (0..<2).map { try read(BatchPlan(step: 5, most: 2, rank: $0, ranks: 2), from: first, steps: 6) }
        let joined = zip(ranks[0], ranks[1]).map { LoadedBatch(joining: $0 + $1) }
        #expect(joined == whole)
    }

    /// A damaged image is counted to the first size, and the next one of that size is read instead.
    @Test func damagedImagesAreSkippedWithinTheirSize() throws {
        let folder = try TemporaryFolder()
        let collection = try collection(folder, withBroken: true)
        let buckets = ImageBuckets(sizes: Self.sizes, of: collection, exif: .apply)
        #expect(buckets.buckets.map(\.images.count) == [12, 7, 4])
        let loader = BatchLoader(
            collection: collection, buckets: buckets, plan: BatchPlan(batchSize: 4), seed: 3,
            logger: LogKeeper().logger)
        defer { loader.stop() }
        for _ in 0..<30 {
            let batch = try loader.next()
            #expect(!batch.indices.contains(22))
        }
        #expect(loader.skipped.count == 1)
    }

    @Test func paddedBatchesSayWhatIsTheirs() throws {
        let folder = try TemporaryFolder()
        let collection = try collection(folder)
        let loader = BatchLoader(
            collection: collection, imageSize: 8, batchSize: 22, seed: 1, transform: ImageTransform(crop: .whole),
            logger: LogKeeper().logger)
        defer { loader.stop() }
        let batch = try loader.next()
        for (index, area) in zip(batch.indices, try #require(batch.covered)) {
            let expected =
                index < 11
                ? ImageArea(rows: 0..<8, columns: 0..<8)
                : index < 18 ? ImageArea(rows: 1..<6, columns: 0..<8) : ImageArea(rows: 0..<8, columns: 1..<6)
            #expect(area == expected)
        }
        #expect(try #require(batch.mirrored.covered?.last) == batch.covered!.last!.mirrored(width: 8))
    }
}
