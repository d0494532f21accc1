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
    /// The step that was asked for last, and the steps of each bucket before it.
    private var schedule: (step: Int, taken: [Int])

    init(seed: UInt64, buckets: [[Int]], stepSize: Int) {
        self.seed = seed
        self.buckets = buckets
        self.stepSize = stepSize
        count = buckets.reduce(0) { $0 + $1.count }
        current = buckets.map { _ in nil }
        schedule = (0, buckets.map { _ in 0 })
    }

    /// The place of a sample. Of several buckets, samples are asked for in ascending order.
    mutating func place(ofSample sample: Int) -> Place {
        guard buckets.count > 1 else { return place(sample, ofBucket: 0) }
        let (step, position) = sample.quotientAndRemainder(dividingBy: stepSize)
        while schedule.step < step {
            schedule.taken[mostBehind] += 1
            schedule.step += 1
        }
        let bucket = mostBehind
        return place(schedule.taken[bucket] * stepSize + position, ofBucket: bucket)
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
