import Foundation
import Logging

/// What a loader and its threads share.
///
/// `@unchecked Sendable`: all variables are touched only while `condition` is locked; the rest is constant.
final class LoaderWork: @unchecked Sendable {
    /// A batch that is being filled.
    private struct Slot {
        /// The pixels of each picture; empty until it is read.
        var pictures: [[UInt8]]
        var indices: [Int]
        var missing: Int
    }

    /// One sample to be read.
    private struct Job {
        let batch: Int
        let position: Int
        let permutation: [Int]
        let place: Int
    }

    private let folder: ImageFolder
    private let imageSize: Int
    private let batchSize: Int
    private let startSample: Int
    private let prefetchBatches: Int
    private let logger: Logger

    private let condition = NSCondition()
    private var order: SampleOrder
    /// The next sample to be given to a thread, counted from `startSample`.
    private var nextJob = 0
    /// The batch that the consumer gets next.
    private var nextBatch = 0
    private var slots: [Int: Slot] = [:]
    private var unreadable: Set<Int> = []
    private var failure: ImageError?
    private var isStopped = false
    private var running: Int
    private var waited: Duration = .zero

    init(
        folder: ImageFolder, imageSize: Int, batchSize: Int, order: SampleOrder, startSample: Int, workers: Int,
        prefetchBatches: Int, logger: Logger
    ) {
        self.folder = folder
        self.imageSize = imageSize
        self.batchSize = batchSize
        self.order = order
        self.startSample = startSample
        self.prefetchBatches = prefetchBatches
        self.logger = logger
        running = workers
    }

    var skipped: [String] {
        condition.withLock { unreadable.map { folder.samples[$0].path } }.sorted(by: precedes)
    }

    var waitSeconds: Double {
        condition.withLock { waited / .seconds(1) }
    }

    // MARK: The consumer's side

    func next() throws -> LoadedBatch {
        let slot = try finishedSlot()
        let pictureBytes = imageSize * imageSize * 3
        let pixels = [UInt8](unsafeUninitializedCapacity: batchSize * pictureBytes) { buffer, count in
            for picture in slot.pictures {
                picture.withUnsafeBufferPointer {
                    (buffer.baseAddress! + count).initialize(from: $0.baseAddress!, count: pictureBytes)
                }
                count += pictureBytes
            }
        }
        return LoadedBatch(
            pixels: pixels, labels: slot.indices.map { folder.samples[$0].label }, indices: slot.indices,
            imageSize: imageSize)
    }

    /// Waits for the next batch to be complete and takes it out.
    private func finishedSlot() throws -> Slot {
        condition.lock()
        defer { condition.unlock() }
        let start = ContinuousClock.now
        while slots[nextBatch]?.missing != 0 {
            if let failure { throw failure }
            if isStopped { throw ImageError("The loader of \(folder.root) was stopped: it has no more batches.") }
            condition.wait()
        }
        waited += ContinuousClock.now - start
        nextBatch += 1
        // The threads may begin another batch now.
        condition.broadcast()
        return slots.removeValue(forKey: nextBatch - 1)!
    }

    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopped = true
        slots.removeAll()
        condition.broadcast()
        while running > 0 { condition.wait() }
    }

    // MARK: The threads' side

    /// Reads samples until the loader is stopped or fails.
    func run() {
        while let job = takeJob() {
            if let (index, pixels) = readFirstReadable(job) {
                condition.withLock { store(pixels, index: index, for: job) }
            }
        }
        condition.lock()
        running -= 1
        condition.broadcast()
        condition.unlock()
    }

    /// The next sample in order, once its batch is among those to be kept ready; nil to end.
    private func takeJob() -> Job? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopped && failure == nil && nextJob / batchSize >= nextBatch + prefetchBatches {
            condition.wait()
        }
        if isStopped || failure != nil { return nil }
        let (batch, position) = nextJob.quotientAndRemainder(dividingBy: batchSize)
        if position == 0 {
            slots[batch] = Slot(
                pictures: Array(repeating: [], count: batchSize), indices: Array(repeating: 0, count: batchSize),
                missing: batchSize)
        }
        let (permutation, place) = order.place(ofSample: startSample + nextJob)
        nextJob += 1
        return Job(batch: batch, position: position, permutation: permutation, place: place)
    }

    private func store(_ pixels: [UInt8], index: Int, for job: Job) {
        // Gone after a stop.
        guard slots[job.batch] != nil else { return }
        slots[job.batch]!.pictures[job.position] = pixels
        slots[job.batch]!.indices[job.position] = index
        slots[job.batch]!.missing -= 1
        if slots[job.batch]!.missing == 0 { condition.broadcast() }
    }

    /// The sample's picture or the first one after it in its epoch that can be read; nil when there is none.
    private func readFirstReadable(_ job: Job) -> (index: Int, pixels: [UInt8])? {
        for offset in job.permutation.indices {
            let index = job.permutation[(job.place + offset) % job.permutation.count]
            let (isKnownBad, isStopped) = condition.withLock { (unreadable.contains(index), self.isStopped) }
            if isStopped { return nil }
            if isKnownBad { continue }
            do {
                let image = try ImageFile.read(folder.samples[index].path)
                return (index, admCenterCrop(image, size: imageSize).pixels)
            } catch {
                reportUnreadable(index, reason: "\(error)")
            }
        }
        condition.withLock {
            failure = ImageError(
                "None of the \(counted(folder.samples.count, "picture")) in \(folder.root) can be read: the reasons"
                    + " were logged.")
            condition.broadcast()
        }
        return nil
    }

    private func reportUnreadable(_ index: Int, reason: String) {
        let isNew = condition.withLock { unreadable.insert(index).inserted }
        if isNew { logger.warning("Skipping an unreadable picture: \(reason)") }
    }
}
