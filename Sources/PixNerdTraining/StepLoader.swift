import PixNerdImages
import PixNerdSupport

/// The images of a run, step by step: from one loader, or half of them from each of two.
struct StepLoader {
    private let parts: [Part]

    private struct Part {
        let loader: BatchLoader
        let plan: BatchPlan
        /// Indices of the loader's images among all that are trained on; nil for the same ones.
        let places: [Int]?
    }

    /// Starts to load.
    ///
    /// - Parameters:
    ///   - halves: indices of the images that each half of a step is of; empty for steps of all images.
    ///   - plan: the images of a step, and their division into passes.
    ///   - make: starts a loader of images for a plan, beginning at a number of steps.
    init(
        _ images: ImageCollection, halves: [[Int]], buckets: ImageBuckets, plan: BatchPlan,
        _ make: (ImageCollection, ImageBuckets, BatchPlan) -> BatchLoader
    ) {
        guard !halves.isEmpty else {
            parts = [Part(loader: make(images, buckets, plan), plan: plan, places: nil)]
            return
        }
        let half = plan.part(of: halves.count)
        parts = halves.map { places in
            let some = images.subset(places)
            return Part(
                loader: make(some, ImageBuckets(size: buckets.buckets[0].size, of: some), half), plan: half,
                places: places)
        }
    }

    /// The images of the next step.
    ///
    /// - Throws: `PixNerdError` if no image can be read.
    func next() throws -> [LoadedBatch] {
        try parts.flatMap { part in
            try part.plan.sizes.map { _ in
                let batch = try part.loader.next()
                return part.places.map(batch.reindexed) ?? batch
            }
        }
    }

    /// Seconds that training has waited for images.
    var waitSeconds: Double { parts.reduce(0) { $0 + $1.loader.waitSeconds } }

    /// Number of images that could not be read.
    var skippedCount: Int { parts.reduce(0) { $0 + $1.loader.skipped.count } }

    func stop() { for part in parts { part.loader.stop() } }
}
