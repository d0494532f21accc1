import PixNerdTensors

/// Maps samples to images: sample k is in epoch k / count, at position k % count of that epoch's permutation.
struct SampleOrder {
    let seed: UInt64
    /// Number of images in the collection.
    let count: Int
    private var current: (epoch: Int, permutation: [Int])?

    init(seed: UInt64, count: Int) {
        self.seed = seed
        self.count = count
    }

    /// A sample's epoch, the permutation of the images in that epoch, and the sample's position in it.
    ///
    /// Caches the permutation of one epoch, so that calls in ascending order compute each one once.
    mutating func place(ofSample sample: Int) -> (epoch: Int, permutation: [Int], place: Int) {
        let (epoch, place) = sample.quotientAndRemainder(dividingBy: count)
        if let current, current.epoch == epoch { return (epoch, current.permutation, place) }
        var stream = RandomStream(seed: seed, purpose: .pictureOrder, step: epoch)
        let permutation = stream.permutation(of: count)
        current = (epoch, permutation)
        return (epoch, permutation, place)
    }
}
