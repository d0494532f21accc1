/// Which samples of the endless order a loader reads, and in what batches.
///
/// The order is cut into steps of equal size. Of each step a process reads its share, a run of samples, in batches of at
/// most so many; shares and batches differ by one sample at most.
public struct BatchPlan: Sendable, Equatable {
    /// Samples in a step, on all processes.
    public let step: Int
    /// The places in a step that are read here.
    public let share: Range<Int>
    /// Of the batches of a step, in order.
    public let sizes: [Int]

    /// - Parameters:
    ///   - step: samples in a step, at least as many as there are ranks.
    ///   - most: samples in a batch.
    public init(step: Int, most: Int, rank: Int = 0, ranks: Int = 1) {
        precondition(
            step >= ranks && ranks > 0 && most > 0, "BatchPlan: steps of \(step) for \(ranks) ranks, \(most) at most")
        self.step = step
        share = step * rank / ranks..<step * (rank + 1) / ranks
        let (count, batches) = (share.count, (share.count + most - 1) / most)
        sizes = (0..<batches).map { count * ($0 + 1) / batches - count * $0 / batches }
    }

    /// Batches of one size that follow one another.
    public init(batchSize: Int) { self.init(step: batchSize, most: batchSize) }

    var largestBatch: Int { sizes.max() ?? 0 }

    func size(ofBatch batch: Int) -> Int { sizes[batch % sizes.count] }

    /// The batch and the place in it of the `job`-th sample that is read here, and the sample's place in the order.
    func place(ofJob job: Int) -> (batch: Int, position: Int, sample: Int) {
        let (step, place) = job.quotientAndRemainder(dividingBy: share.count)
        var (batch, position) = (0, place)
        while position >= sizes[batch] {
            position -= sizes[batch]
            batch += 1
        }
        return (step * sizes.count + batch, position, step * self.step + share.lowerBound + place)
    }
}
