import Foundation
import Logging

/// Reads pictures ahead on threads of its own and hands them out in batches.
///
/// The order is a pure function of the seed and the collection. Samples are numbered without end: sample k lies in epoch
/// k / count at place k % count of that epoch's permutation. Epochs follow one another without a gap, so a batch may
/// straddle two, and a collection with fewer pictures than a batch simply repeats. Neither the number of threads nor their
/// timing changes what a batch holds.
///
/// A picture that cannot be read, or that is a mere line of pixels, is replaced by the next readable one in the order of
/// its epoch, and is logged once.
///
/// One consumer calls `next()`; the other members may be used from any thread.
public final class BatchLoader: Sendable {
    private let work: LoaderWork

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - collection: the pictures.
    ///   - imageSize: the side of the square that each picture is cropped and scaled to, in pixels.
    ///   - plan: which samples of the order are read, and in what batches.
    ///   - seed: decides the order of the pictures, and what is random in the transform.
    ///   - startSample: the number of the first step's first sample, 0 for a new run; a run that has consumed n samples
    ///     resumes with n.
    ///   - workers: how many threads decode.
    ///   - prefetchBatches: how many batches are kept ready at most.
    ///   - prefetchBytes: how many bytes of pictures are kept ready at most, nil for no such limit. One batch is always
    ///     allowed. The batch that `next()` handed out does not count.
    ///   - transform: how pictures are cropped, and whether they are mirrored.
    ///   - fastDecode: let the JPEG decoder halve large pictures and take shortcuts, instead of decoding every pixel as
    ///     Pillow does.
    ///   - logger: gets a warning for each unreadable picture.
    public init(
        collection: ImageCollection, imageSize: Int, plan: BatchPlan, seed: UInt64, startSample: Int = 0,
        workers: Int = 1, prefetchBatches: Int = 2, prefetchBytes: Int? = nil,
        transform: ImageTransform = ImageTransform(), fastDecode: Bool = false, logger: Logger
    ) {
        precondition(imageSize > 0, "BatchLoader: pictures of \(imageSize) pixels")
        precondition(startSample >= 0, "BatchLoader: the first sample is \(startSample)")
        precondition(workers > 0, "BatchLoader: \(workers) workers")
        precondition(prefetchBatches > 0, "BatchLoader: \(prefetchBatches) batches kept ready")
        precondition(prefetchBytes ?? 0 >= 0, "BatchLoader: \(prefetchBytes ?? 0) bytes kept ready")
        let batchBytes = plan.largestBatch * imageSize * imageSize * 3
        let fitting = prefetchBytes.map { max(1, $0 / batchBytes) } ?? prefetchBatches
        work = LoaderWork(
            collection: collection, imageSize: imageSize, plan: plan, transform: transform,
            fastDecode: fastDecode, order: SampleOrder(seed: seed, count: collection.samples.count),
            startSample: startSample, workers: workers, prefetchBatches: min(prefetchBatches, fitting), logger: logger)
        // Threads hold the work and not the loader, so that a loader that is let go can stop them.
        for number in 0..<workers {
            let thread = Thread { [work] in work.run() }
            thread.name = "pictures \(number)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Reads batches of one size; all else as above.
    public convenience init(
        collection: ImageCollection, imageSize: Int, batchSize: Int, seed: UInt64, startSample: Int = 0,
        workers: Int = 1, prefetchBatches: Int = 2, prefetchBytes: Int? = nil,
        transform: ImageTransform = ImageTransform(), fastDecode: Bool = false, logger: Logger
    ) {
        self.init(
            collection: collection, imageSize: imageSize, plan: BatchPlan(batchSize: batchSize), seed: seed,
            startSample: startSample, workers: workers, prefetchBatches: prefetchBatches, prefetchBytes: prefetchBytes,
            transform: transform, fastDecode: fastDecode, logger: logger)
    }

    /// Reads the pictures of a folder; all else as above.
    public convenience init(
        folder: ImageFolder, imageSize: Int, batchSize: Int, seed: UInt64, startSample: Int = 0, workers: Int = 1,
        prefetchBatches: Int = 2, prefetchBytes: Int? = nil, transform: ImageTransform = ImageTransform(),
        fastDecode: Bool = false, logger: Logger
    ) {
        self.init(
            collection: folder.collection, imageSize: imageSize, batchSize: batchSize, seed: seed,
            startSample: startSample, workers: workers, prefetchBatches: prefetchBatches, prefetchBytes: prefetchBytes,
            transform: transform, fastDecode: fastDecode, logger: logger)
    }

    deinit {
        stop()
    }

    /// The next batch; waits until it is ready.
    ///
    /// - Throws: `PixNerdError` when no picture of the collection can be read, and after `stop()`.
    public func next() throws -> LoadedBatch {
        try work.next()
    }

    /// Ends the threads and waits for them; what was read ahead is dropped. May be called more than once.
    public func stop() {
        work.stop()
    }

    /// The names of the pictures found unreadable so far, sorted: paths, or paths inside shards.
    public var skipped: [String] { work.skipped }

    /// The most bytes of pictures that were in memory here at once.
    public var peakPrefetchedBytes: Int { work.peakPrefetchedBytes }

    /// How long `next()` has waited for pictures in all, in seconds.
    public var waitSeconds: Double { work.waitSeconds }
}
