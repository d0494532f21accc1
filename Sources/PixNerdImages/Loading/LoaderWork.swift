import Foundation
import Logging
import PixNerdSupport

/// The state shared by a loader and its threads.
///
/// `@unchecked Sendable`: all variables are accessed only while `condition` is locked; the rest is constant.
final class LoaderWork: @unchecked Sendable {
    /// The pixels of a batch.
    ///
    /// `@unchecked Sendable`: threads write to different images of it, each before it reports its image as read.
    private final class BatchPixels: @unchecked Sendable {
        let base: UnsafeMutableRawPointer

        init(bytes: Int) {
            base = .allocate(byteCount: bytes, alignment: 64)
        }

        deinit {
            base.deallocate()
        }
    }

    /// A batch being filled.
    private struct Slot {
        let pixels: BatchPixels
        /// The pixels of companions; nil for none.
        let companions: BatchPixels?
        let size: ImageSize
        var indices: [Int]
        /// The epoch that each image is read in.
        var epochs: [Int]
        var covered: [ImageArea?]
        var missing: Int
    }

    /// A sample to read.
    private struct Job {
        let batch: Int
        let position: Int
        let pixels: BatchPixels
        let companions: BatchPixels?
        let size: ImageSize
        let place: SampleOrder.Place
    }

    private let collection: ImageCollection
    private let companions: PictureCompanions?
    private let buckets: ImageBuckets
    private let plan: BatchPlan
    private let transform: ImageTransform
    private let decoding: PictureDecoding
    private let startSample: Int
    /// Maximum number of batches in memory.
    private let prefetchBatches: Int
    private let seed: UInt64
    private let logger: Logger

    private let condition = NSCondition()
    private var order: SampleOrder
    /// The next sample to assign to a thread, counted from `startSample`.
    private var nextJob = 0
    /// The next batch for the consumer.
    private var nextBatch = 0
    private var slots: [Int: Slot] = [:]
    private var mostSlots = 0
    private var unreadable: Set<Int> = []
    private var hasToldOfTurned = false
    private var failure: PixNerdError?
    private var isStopped = false
    private var running: Int
    private var waited: Duration = .zero

    init(
        collection: ImageCollection, companions: PictureCompanions?, buckets: ImageBuckets, plan: BatchPlan,
        transform: ImageTransform,
        decoding: PictureDecoding, seed: UInt64, startSample: Int, workers: Int, prefetchBatches: Int, logger: Logger
    ) {
        self.collection = collection
        self.companions = companions
        self.buckets = buckets
        self.plan = plan
        self.transform = transform
        self.decoding = decoding
        order = SampleOrder(seed: seed, buckets: buckets.buckets.map(\.images), stepSize: plan.step)
        self.seed = seed
        self.startSample = startSample
        self.prefetchBatches = prefetchBatches
        self.logger = logger
        running = workers
    }

    private func pictureBytes(_ area: Int) -> Int { area * decoding.format.loadedSize }

    var skipped: [String] {
        condition.withLock { unreadable.map { collection.samples[$0].name } }.sorted(by: precedes)
    }

    var peakPrefetchedBytes: Int {
        condition.withLock { mostSlots * plan.largestBatch * pictureBytes(buckets.largestArea) }
    }

    var waitSeconds: Double {
        condition.withLock { waited / .seconds(1) }
    }

    // MARK: The consumer's side

    func next() throws -> LoadedBatch {
        let slot = try finishedSlot()
        func copied(_ pixels: BatchPixels) -> LoadedPixels {
            LoadedPixels(
                copying: pixels.base, count: slot.indices.count * slot.size.area, format: decoding.format)
        }
        let (pixels, companions) = (copied(slot.pixels), slot.companions.map(copied))
        // Only now, so that the number of batches in memory never exceeds the limit.
        condition.withLock {
            slots.removeValue(forKey: nextBatch)
            nextBatch += 1
            condition.broadcast()
        }
        return LoadedBatch(
            pixels: pixels, labels: slot.indices.map { collection.samples[$0].label }, indices: slot.indices,
            imageSize: slot.size,
            captions: collection.captions.map { captions in
                zip(slot.indices, slot.epochs).map { captions.drawn($0, seed: seed, epoch: $1) }
            },
            covered: transform.crop.padsImages ? slot.covered.compactMap(\.self) : nil, companions: companions)
    }

    /// Waits for the next batch to be complete.
    private func finishedSlot() throws -> Slot {
        condition.lock()
        defer { condition.unlock() }
        let start = ContinuousClock.now
        defer { waited += ContinuousClock.now - start }
        while true {
            if let slot = slots[nextBatch], slot.missing == 0 { return slot }
            if let failure { throw failure }
            if isStopped {
                throw PixNerdError(
                    .invalidValue, "The loader of \(collection.root)", found: "was stopped and has no more batches")
            }
            condition.wait()
        }
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
        let reader = PictureReader(decoding)
        while let job = takeJob() {
            if let (index, covered) = readFirstReadable(job, reader) {
                condition.withLock { finish(job, index: index, covered) }
            }
        }
        condition.lock()
        running -= 1
        condition.broadcast()
        condition.unlock()
    }

    /// The next sample in order, once its batch may be prefetched; nil to end.
    private func takeJob() -> Job? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopped && failure == nil && plan.place(ofJob: nextJob).batch >= nextBatch + prefetchBatches {
            condition.wait()
        }
        if isStopped || failure != nil { return nil }
        let (batch, position, sample) = plan.place(ofJob: nextJob)
        let place = order.place(ofSample: startSample + sample)
        let size = buckets.buckets[place.bucket].size
        if position == 0 {
            let count = plan.size(ofBatch: batch)
            slots[batch] = Slot(
                pixels: BatchPixels(bytes: count * pictureBytes(size.area)),
                companions: companions.map { _ in BatchPixels(bytes: count * pictureBytes(size.area)) }, size: size,
                indices: Array(repeating: 0, count: count), epochs: Array(repeating: 0, count: count),
                covered: Array(repeating: nil, count: count), missing: count)
            mostSlots = max(mostSlots, slots.count)
        }
        nextJob += 1
        let slot = slots[batch]!
        return Job(
            batch: batch, position: position, pixels: slot.pixels, companions: slot.companions, size: size,
            place: place)
    }

    private func finish(_ job: Job, index: Int, _ covered: ImageArea) {
        // The slot is gone after a stop.
        guard slots[job.batch] != nil else { return }
        slots[job.batch]!.indices[job.position] = index
        slots[job.batch]!.epochs[job.position] = job.place.epoch
        slots[job.batch]!.covered[job.position] = covered
        slots[job.batch]!.missing -= 1
        if slots[job.batch]!.missing == 0 { condition.broadcast() }
    }

    /// Reads the sample's image, or the next readable one in its epoch.
    ///
    /// - Returns: the index of the image read, and the pixels that it covers; nil if there is none.
    private func readFirstReadable(_ job: Job, _ reader: PictureReader) -> (index: Int, covered: ImageArea)? {
        let (permutation, epoch) = (job.place.permutation, job.place.epoch)
        for offset in permutation.indices {
            let index = permutation[(job.place.position + offset) % permutation.count]
            let (isKnownBad, isStopped) = condition.withLock { (unreadable.contains(index), self.isStopped) }
            if isStopped { return nil }
            if isKnownBad { continue }
            do {
                let offset = job.position * pictureBytes(job.size.area)
                let random = ImageTransform.stream(seed: seed, epoch: epoch, index: index)
                if let companions, let memory = job.companions {
                    try reader.readCompanion(
                        companions.samples[index], of: collection.samples[index], transform: transform, size: job.size,
                        random: random, into: memory.base + offset)
                }
                let covered = try reader.read(
                    collection.samples[index], transform: transform, size: job.size, random: random,
                    into: job.pixels.base + offset)
                if decoding.exif == .ignore, reader.orientation != .asStored { reportTurned(index) }
                return (index, covered)
            } catch {
                reportUnreadable(index, reason: "\(error)")
            }
        }
        let which: ErrorText = buckets.buckets.count > 1 ? "of \(job.size) " : ""
        condition.withLock {
            failure = PixNerdError(
                .malformed,
                "None of the \(counted(permutation.count, "picture")) \(which)in \(collection.root)",
                found: "can be read: the reasons were logged")
            condition.broadcast()
        }
        return nil
    }

    private func reportUnreadable(_ index: Int, reason: String) {
        let isNew = condition.withLock { unreadable.insert(index).inserted }
        if isNew { logger.warning("Skipping an unreadable picture: \(reason)") }
    }

    private func reportTurned(_ index: Int) {
        let isNew = condition.withLock {
            defer { hasToldOfTurned = true }
            return !hasToldOfTurned
        }
        guard isNew else { return }
        logger.warning(
            """
            EXIF says that \(collection.samples[index].name), and perhaps other images, are to be shown turned; all are \
            read as they are stored
            """)
    }
}
