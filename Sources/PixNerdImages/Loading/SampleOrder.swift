import PixNerdTensors

/// Maps samples to images.
///
/// The images of a bucket are read in epochs of their own: its sample k is in epoch k / count, at position k % count of
/// that epoch's permutation. A step reads images of one bucket, and the bucket that is most behind its share of the images
/// is next. So all images are read equally often, and the order depends on nothing but the seed and the buckets.
struct SampleOrder {
    /// The place of a sample in an epoch of its bucket.
    struct Place {
        let bucket: Int
        let epoch: Int
        /// The bucket's images in the order of the epoch.
        let permutation: [Int]
        let position: Int
    }

    let seed: UInt64
    /// The indices of the images of each bucket, at least one in all.
    private let buckets: [[Int]]
    /// Number of samples of a step.
    private let stepSize: Int
    private let count: Int
    /// The permutation of one epoch of each bucket, so that calls in ascending order compute each one once.
    private var current: [(epoch: Int, permutation: [Int])?]
    /// The steps of each bucket before `step`, and the bucket of `step`.
    private var schedule: (step: Int, taken: [Int], bucket: Int)

    init(seed: UInt64, buckets: [[Int]], stepSize: Int) {
        self.seed = seed
        self.buckets = buckets
        self.stepSize = stepSize
        count = buckets.reduce(0) { $0 + $1.count }
        current = buckets.map { _ in nil }
        schedule = (0, buckets.map { _ in 0 }, 0)
        schedule.bucket = mostBehind
    }

    /// The place of a sample.
    mutating func place(ofSample sample: Int) -> Place {
        guard buckets.count > 1 else { return place(sample, ofBucket: 0) }
        let (step, position) = sample.quotientAndRemainder(dividingBy: stepSize)
        advance(to: step)
        return place(schedule.taken[schedule.bucket] * stepSize + position, ofBucket: schedule.bucket)
    }

    private mutating func place(_ sample: Int, ofBucket bucket: Int) -> Place {
        let images = buckets[bucket]
        let (epoch, position) = sample.quotientAndRemainder(dividingBy: images.count)
        if let current = current[bucket], current.epoch == epoch {
            return Place(bucket: bucket, epoch: epoch, permutation: current.permutation, position: position)
        }
        var stream = RandomStream(seed: seed, purpose: .pictureOrder, step: epoch, index: bucket)
        let permutation = stream.permutation(of: images.count).map { images[$0] }
        current[bucket] = (epoch, permutation)
        return Place(bucket: bucket, epoch: epoch, permutation: permutation, position: position)
    }

    private mutating func advance(to step: Int) {
        if step < schedule.step {
            schedule = (0, buckets.map { _ in 0 }, 0)
            schedule.bucket = mostBehind
        }
        while schedule.step < step {
            schedule.step += 1
            schedule.taken[schedule.bucket] += 1
            schedule.bucket = mostBehind
        }
    }

    /// The bucket whose steps are furthest below its share of the images.
    private var mostBehind: Int {
        var (best, most) = (0, Int.min)
        for (bucket, images) in buckets.enumerated() {
            let behind = (schedule.step + 1) * images.count - schedule.taken[bucket] * count
            if behind > most { (best, most) = (bucket, behind) }
        }
        return best
    }
}
