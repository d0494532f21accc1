import Foundation
import Logging
import PixNerdDiffusion
import PixNerdImages
import PixNerdSupport
import Testing

/// Batches in an order that depends on the seed alone, whatever the threads do and whatever is wrong with the files.
@Suite struct LoaderTests {
    /// Three classes with eleven pictures in all, each of a colour of its own; the named ones are cut short.
    private func makeFolder(corrupt: Set<Int> = []) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for number in 0..<11 {
            let level = UInt8(20 * number)
            let image = RGBImage(width: 20 + number, height: 16, fill: (level, 255 - level, 7))
            let bytes = try ImageFile.encodePNG(image)
            try folder.write(
                corrupt.contains(number) ? Array(bytes.dropLast(20)) : bytes, to: "\(number % 3)/\(10 + number).png")
        }
        return folder
    }

    private func makeLoader(
        _ folder: ImageFolder, batchSize: Int = 4, seed: UInt64 = 5, startSample: Int = 0, workers: Int = 2,
        prefetchBatches: Int = 2, keeper: LogKeeper = LogKeeper()
    ) -> BatchLoader {
        BatchLoader(
            folder: folder, imageSize: 16, batchSize: batchSize, seed: seed, startSample: startSample,
            workers: workers, prefetchBatches: prefetchBatches, logger: Logger(label: "test") { _ in keeper })
    }

    private func batches(_ loader: BatchLoader, _ count: Int) throws -> [LoadedBatch] {
        defer { loader.stop() }
        return try (0..<count).map { _ in try loader.next() }
    }

    @Test func everyEpochHoldsEveryPictureOnce() throws {
        let temporary = try makeFolder()
        let folder = try ImageFolder(root: temporary.path)
        let loaded = try batches(makeLoader(folder), 11)
        let indices = loaded.flatMap(\.indices)
        #expect(loaded.allSatisfy { $0.count == 4 && $0.imageSize == 16 })
        for epoch in 0..<4 {
            #expect(indices[epoch * 11..<(epoch + 1) * 11].sorted() == Array(0..<11))
        }
        #expect(indices[..<11] != indices[11..<22])
        for batch in loaded {
            for (place, index) in batch.indices.enumerated() {
                let sample = folder.samples[index]
                let image = admCenterCrop(try ImageFile.read(sample.path), size: 16)
                #expect(batch.labels[place] == sample.label)
                #expect(batch.bytes[place * 768..<(place + 1) * 768].elementsEqual(image.pixels))
            }
        }
    }

    @Test func threadsDoNotChangeBatches() throws {
        let temporary = try makeFolder(corrupt: [2, 3, 7])
        let folder = try ImageFolder(root: temporary.path)
        let one = try batches(makeLoader(folder, workers: 1, prefetchBatches: 1), 20)
        let four = try batches(makeLoader(folder, workers: 4, prefetchBatches: 3), 20)
        #expect(one == four)
        #expect(try batches(makeLoader(folder, seed: 6), 20) != one)
    }

    @Test(arguments: [1, 4, 10, 11, 30])
    func resumesInTheMiddle(start: Int) throws {
        let temporary = try makeFolder(corrupt: [4])
        let folder = try ImageFolder(root: temporary.path)
        let whole = try batches(makeLoader(folder, batchSize: 1), 40)
        let resumed = try batches(makeLoader(folder, batchSize: 2, startSample: start, workers: 3), 5)
        #expect(resumed.flatMap(\.indices) == whole[start..<start + 10].flatMap(\.indices))
        #expect(resumed.flatMap(\.bytes) == whole[start..<start + 10].flatMap(\.bytes))
    }

    @Test func aSmallFolderRepeats() throws {
        let temporary = try makeFolder()
        let folder = try ImageFolder(root: temporary.path)
        let batch = try #require(try batches(makeLoader(folder, batchSize: 40), 1).first)
        #expect(Set(batch.indices) == Set(0..<11) && batch.indices.count == 40)
    }

    @Test func corruptPicturesAreReplacedAndNamedOnce() throws {
        let temporary = try makeFolder(corrupt: [0, 5, 9])
        let folder = try ImageFolder(root: temporary.path)
        let keeper = LogKeeper()
        let loader = makeLoader(folder, workers: 4, keeper: keeper)
        let loaded = try batches(loader, 22)
        let corrupt = ["0/10.png", "0/19.png", "2/15.png"].map { temporary.path + "/" + $0 }
        #expect(loader.skipped == corrupt)
        let warnings = keeper.messages.withLock { $0.sorted() }
        #expect(
            warnings
                == corrupt.map {
                    "warning: Skipping an unreadable picture: \($0) is cut short: the PNG data end before the picture does."
                })
        // The order is that of a folder in which all can be read.
        let whole = try makeFolder()
        let order = try batches(makeLoader(ImageFolder(root: whole.path)), 22).flatMap(\.indices)
        for (sample, index) in loaded.flatMap(\.indices).enumerated() {
            let epoch = order[sample / 11 * 11..<sample / 11 * 11 + 11]
            let candidates = epoch[sample...] + epoch[..<sample]
            #expect(index == candidates.first { !corrupt.contains(folder.samples[$0].path) })
        }
    }

    @Test func aFolderWithoutAnyReadablePictureIsAnError() throws {
        let temporary = try makeFolder(corrupt: Set(0..<11))
        let loader = makeLoader(try ImageFolder(root: temporary.path), workers: 4)
        for _ in 0..<2 {
            let error = #expect(throws: PixNerdError.self) { try loader.next() }
            #expect(error?.description.contains("None of the 11 pictures in \(temporary.path) can be read") == true)
        }
        #expect(loader.skipped.count == 11)
    }

    @Test func stoppingEndsTheThreadsAndTheBatches() throws {
        let temporary = try makeFolder()
        let loader = makeLoader(try ImageFolder(root: temporary.path), workers: 4)
        _ = try loader.next()
        loader.stop()
        loader.stop()
        #expect(throws: PixNerdError.self) { try loader.next() }
        #expect(loader.waitSeconds >= 0)
    }

    @Test func aLoaderThatIsLetGoStopsItsThreads() throws {
        let temporary = try makeFolder()
        let folder = try ImageFolder(root: temporary.path)
        for _ in 0..<20 {
            // Deinitialisation waits for the threads, so a thread that does not end hangs the test.
            _ = makeLoader(folder, workers: 3)
        }
    }
}
