import PixNerdTensors

/// Which picture each sample is: sample k lies in epoch k / count at place k % count of that epoch's permutation.
struct SampleOrder {
    let seed: UInt64
    /// Pictures in the folder.
    let count: Int
    private var current: (epoch: Int, permutation: [Int])?

    init(seed: UInt64, count: Int) {
        self.seed = seed
        self.count = count
    }

    /// A sample's epoch, the order of the pictures in that, and the sample's place in it.
    ///
    /// Keeps the last epoch's permutation, so asking in ascending order makes each one once.
    mutating func place(ofSample sample: Int) -> (epoch: Int, permutation: [Int], place: Int) {
        let (epoch, place) = sample.quotientAndRemainder(dividingBy: count)
        if let current, current.epoch == epoch { return (epoch, current.permutation, place) }
        var stream = RandomStream(seed: seed, purpose: .pictureOrder, step: epoch)
        let permutation = stream.permutation(of: count)
        current = (epoch, permutation)
        return (epoch, permutation, place)
    }
}
