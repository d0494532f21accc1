import Foundation
import Logging

/// Reads pictures ahead on threads of its own and hands them out in batches.
///
/// The order is a pure function of the seed and the folder. Samples are numbered without end: sample k lies in epoch
/// k / count at place k % count of that epoch's permutation. Epochs follow one another without a gap, so a batch may
/// straddle two, and a folder with fewer pictures than a batch simply repeats. Neither the number of threads nor their
/// timing changes what a batch holds.
///
/// A picture that cannot be read is replaced by the next readable one in the order of its epoch, and is logged once.
/// Pictures go through `admCenterCrop`.
///
/// One consumer calls `next()`; the other members may be used from any thread.
public final class BatchLoader: Sendable {
    private let work: LoaderWork

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - folder: where the pictures are.
    ///   - imageSize: the side of the square that each picture is cropped and scaled to, in pixels.
    ///   - batchSize: pictures in a batch.
    ///   - seed: decides the order of the pictures.
    ///   - startSample: the number of the first sample, 0 for a new run; a run that has consumed n samples resumes with n.
    ///   - workers: how many threads decode.
    ///   - prefetchBatches: how many batches are kept ready at most, which bounds the memory.
    ///   - logger: gets a warning for each unreadable picture.
    public init(
        folder: ImageFolder, imageSize: Int, batchSize: Int, seed: UInt64, startSample: Int = 0, workers: Int = 1,
        prefetchBatches: Int = 2, logger: Logger
    ) {
        precondition(imageSize > 0, "BatchLoader: pictures of \(imageSize) pixels")
        precondition(batchSize > 0, "BatchLoader: batches of \(batchSize)")
        precondition(startSample >= 0, "BatchLoader: the first sample is \(startSample)")
        precondition(workers > 0, "BatchLoader: \(workers) workers")
        precondition(prefetchBatches > 0, "BatchLoader: \(prefetchBatches) batches kept ready")
        precondition(!folder.samples.isEmpty, "BatchLoader: the folder \(folder.root) has no pictures")
        work = LoaderWork(
            folder: folder, imageSize: imageSize, batchSize: batchSize,
            order: SampleOrder(seed: seed, count: folder.samples.count), startSample: startSample, workers: workers,
            prefetchBatches: prefetchBatches, logger: logger)
        // Threads hold the work and not the loader, so that a loader that is let go can stop them.
        for number in 0..<workers {
            let thread = Thread { [work] in work.run() }
            thread.name = "pictures \(number)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    deinit {
        stop()
    }

    /// The next batch; waits until it is ready.
    ///
    /// - Throws: `ImageError` when no picture of the folder can be read, and after `stop()`.
    public func next() throws -> LoadedBatch {
        try work.next()
    }

    /// Ends the threads and waits for them; what was read ahead is dropped. May be called more than once.
    public func stop() {
        work.stop()
    }

    /// The paths of the pictures found unreadable so far, sorted.
    public var skipped: [String] { work.skipped }

    /// How long `next()` has waited for pictures in all, in seconds.
    public var waitSeconds: Double { work.waitSeconds }
}
