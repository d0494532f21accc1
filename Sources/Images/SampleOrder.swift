import Tensors

/// Which picture each sample is: sample k lies in epoch k / count at place k % count of that epoch's permutation.
package struct SampleOrder {
    let seed: UInt64
    /// Pictures in the folder.
    let count: Int
    private var current: (epoch: Int, permutation: [Int])?

    package init(seed: UInt64, count: Int) {
        self.seed = seed
        self.count = count
    }

    /// The order of the pictures in a sample's epoch, and the sample's place in it.
    ///
    /// Keeps the last epoch's permutation, so asking in ascending order makes each one once.
    package mutating func place(ofSample sample: Int) -> (permutation: [Int], place: Int) {
        let (epoch, place) = sample.quotientAndRemainder(dividingBy: count)
        if let current, current.epoch == epoch { return (current.permutation, place) }
        var stream = RandomStream(seed: seed, purpose: .pictureOrder, step: epoch)
        let permutation = stream.permutation(of: count)
        current = (epoch, permutation)
        return (permutation, place)
    }
}
