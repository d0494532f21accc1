/// The samples of the endless order that a loader reads, and their division into batches.
///
/// The order is cut into steps of equal size. Each process reads a contiguous share of every step, in batches of
/// limited size. The sizes of shares and of batches differ by at most one sample.
public struct BatchPlan: Sendable, Equatable {
    /// Samples per step, over all processes.
    public let step: Int
    /// The positions within a step that this process reads.
    public let share: Range<Int>
    /// The sizes of the batches of a step, in order.
    public let sizes: [Int]

    /// - Parameters:
    ///   - step: samples per step, at least as many as there are ranks.
    ///   - most: maximum number of samples in a batch.
    ///   - rank: the index of this process.
    ///   - ranks: the number of processes.
    public init(step: Int, most: Int, rank: Int = 0, ranks: Int = 1) {
        precondition(
            step >= ranks && ranks > 0 && most > 0, "BatchPlan: steps of \(step) for \(ranks) ranks, \(most) at most")
        self.step = step
        share = step * rank / ranks..<step * (rank + 1) / ranks
        let (count, batches) = (share.count, (share.count + most - 1) / most)
        sizes = (0..<batches).map { count * ($0 + 1) / batches - count * $0 / batches }
    }

    /// A plan with consecutive batches of one size.
    public init(batchSize: Int) { self.init(step: batchSize, most: batchSize) }

    /// The plan of one of several equal parts of each step.
    ///
    /// - Precondition: the parts of every process are equal.
    package func part(of count: Int) -> BatchPlan {
        precondition(
            step % count == 0 && share.count % count == 0, "BatchPlan: \(share.count) of \(step) in \(count) parts")
        let ranks = step / share.count
        return BatchPlan(
            step: step / count, most: sizes.max() ?? 1, rank: share.lowerBound / share.count, ranks: ranks)
    }

    var largestBatch: Int { sizes.max() ?? 0 }

    func size(ofBatch batch: Int) -> Int { sizes[batch % sizes.count] }

    /// The location of the `job`-th sample that this process reads: its batch, its position in the batch, and its
    /// number in the order.
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
