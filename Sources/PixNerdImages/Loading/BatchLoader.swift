import Foundation
import Logging
import PixNerdSupport

/// Prefetches images on its own threads and returns them in batches.
///
/// The order is a pure function of the seed and the collection. Samples are numbered without end: sample k is in epoch
/// k / count, at position k % count of that epoch's permutation. Epochs follow one another without a gap, so a batch
/// may straddle two, and a collection with fewer images than a batch simply repeats. Neither the number of threads nor
/// their timing changes the contents of a batch. With several sizes this holds for the images of each size, and the steps
/// of the sizes alternate by their numbers of images.
///
/// A collection with captions gives each batch the captions of its images. Of several captions one is drawn anew in each
/// epoch, by the seed, the epoch and the image alone.
///
/// An image that cannot be read, or that is only one pixel wide or high, is replaced by the next readable one in the
/// order of its epoch, and is logged once.
///
/// One consumer calls `next()`; the other members may be used from any thread.
public final class BatchLoader: Sendable {
    private let work: LoaderWork

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - collection: the images.
    ///   - companions: pictures that belong to the images; nil for none.
    ///   - buckets: the sizes that images are cropped and scaled to. A step has images of one size.
    ///   - plan: the samples to read, and their division into batches.
    ///   - seed: determines the order of the images and the random choices of the transform.
    ///   - startSample: the number of the first sample, 0 for a new run; after n consumed samples a run resumes with n.
    ///     With several sizes it is a multiple of the samples of a step.
    ///   - workers: number of decoding threads.
    ///   - prefetchBatches: maximum number of prefetched batches.
    ///   - prefetchBytes: maximum bytes of prefetched images; nil for no limit. One batch is always allowed, and the
    ///     batch that `next()` returned does not count.
    ///   - transform: cropping and flipping of the images.
    ///   - decoding: how files are decoded, and to which pixels.
    ///   - saysRemarks: whether the collection's remarks are logged.
    ///   - logger: receives the collection's remarks, and a warning for each unreadable image.
    public init(
        collection: ImageCollection, companions: PictureCompanions? = nil, buckets: ImageBuckets, plan: BatchPlan,
        seed: UInt64, startSample: Int = 0,
        workers: Int = 1, prefetchBatches: Int = 2, prefetchBytes: Int? = nil,
        transform: ImageTransform = ImageTransform(), decoding: PictureDecoding = PictureDecoding(),
        saysRemarks: Bool = true, logger: Logger
    ) {
        precondition(startSample >= 0, "BatchLoader: the first sample is \(startSample)")
        precondition(workers > 0, "BatchLoader: \(workers) workers")
        precondition(prefetchBatches > 0, "BatchLoader: \(prefetchBatches) batches kept ready")
        precondition(prefetchBytes ?? 0 >= 0, "BatchLoader: \(prefetchBytes ?? 0) bytes kept ready")
        let batchBytes = plan.largestBatch * buckets.largestArea * decoding.format.loadedSize
        let fitting = prefetchBytes.map { max(1, $0 / batchBytes) } ?? prefetchBatches
        work = LoaderWork(
            collection: collection, companions: companions, buckets: buckets, plan: plan, transform: transform,
            decoding: decoding,
            seed: seed, startSample: startSample, workers: workers, prefetchBatches: min(prefetchBatches, fitting),
            logger: logger)
        // Once where several processes share the steps.
        if saysRemarks, plan.share.lowerBound == 0 {
            for remark in collection.remarks { logger.warning("\(collection.root): \(remark)") }
        }
        // Threads retain the work and not the loader, so that the loader can be deallocated and stop them.
        for number in 0..<workers {
            let thread = Thread { [work] in work.run() }
            thread.name = "pictures \(number)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Starts a loader with batches of one number of images of one size.
    public convenience init(
        collection: ImageCollection, imageSize: ImageSize, batchSize: Int, seed: UInt64, startSample: Int = 0,
        workers: Int = 1, prefetchBatches: Int = 2, prefetchBytes: Int? = nil,
        transform: ImageTransform = ImageTransform(), decoding: PictureDecoding = PictureDecoding(), logger: Logger
    ) {
        self.init(
            collection: collection, buckets: ImageBuckets(size: imageSize, of: collection),
            plan: BatchPlan(batchSize: batchSize), seed: seed, startSample: startSample, workers: workers,
            prefetchBatches: prefetchBatches, prefetchBytes: prefetchBytes, transform: transform, decoding: decoding,
            logger: logger)
    }

    /// Starts a loader of the images of a folder, with batches of one number of images of one size.
    public convenience init(
        folder: ImageFolder, imageSize: ImageSize, batchSize: Int, seed: UInt64, startSample: Int = 0, workers: Int = 1,
        prefetchBatches: Int = 2, prefetchBytes: Int? = nil, transform: ImageTransform = ImageTransform(),
        decoding: PictureDecoding = PictureDecoding(), logger: Logger
    ) {
        self.init(
            collection: folder.collection, imageSize: imageSize, batchSize: batchSize, seed: seed,
            startSample: startSample, workers: workers, prefetchBatches: prefetchBatches, prefetchBytes: prefetchBytes,
            transform: transform, decoding: decoding, logger: logger)
    }

    deinit {
        stop()
    }

    /// The next batch; waits until it is ready.
    ///
    /// - Throws: `PixNerdError` if no image of the collection can be read, and after `stop()`.
    public func next() throws -> LoadedBatch {
        try work.next()
    }

    /// Ends the threads, waits for them and drops prefetched batches. May be called more than once.
    public func stop() {
        work.stop()
    }

    /// The names of the images found unreadable so far, sorted: paths, including those inside shards.
    public var skipped: [String] { work.skipped }

    /// The peak number of bytes of prefetched images.
    public var peakPrefetchedBytes: Int { work.peakPrefetchedBytes }

    /// The total time that `next()` has waited for images, in seconds.
    public var waitSeconds: Double { work.waitSeconds }
}
