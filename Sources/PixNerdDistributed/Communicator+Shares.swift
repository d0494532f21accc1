import CPixNerdKernels
import CPixNerdMPI

/// Numbers that all processes have, cut into one equal share per process, in the order of the ranks.
///
/// `sumShares` and `gatherShares` together are an all-reduce. Between them, each process can work on its own share only
/// (ZeRO, Rajbhandari et al., arXiv 1910.02054).
extension Communicator {
    /// The range of this process's share of `count` numbers.
    ///
    /// - Precondition: the number of processes divides `count`.
    public func ownShare(of count: Int) -> Range<Int> {
        precondition(count % size == 0, "shares: \(count) numbers cannot be split into \(size) equal shares")
        return rank * (count / size)..<(rank + 1) * (count / size)
    }

    /// Starts writing the sums over all processes, in the order of the ranks, into this process's share. The other
    /// shares keep their values. Returns at once; `waitForShares` waits.
    ///
    /// - Parameters:
    ///   - numbers: `count` numbers, which must stay alive and untouched until `waitForShares` returns.
    ///   - workspace: scratch memory for `count` numbers, under the same condition.
    ///   - gathers: whether all processes then receive all sums.
    ///   - isDone: called on another thread with the time that the sum took.
    public func sumShares(
        _ numbers: UnsafeMutablePointer<Float>, count: Int, workspace: UnsafeMutablePointer<Float>, gathers: Bool,
        isDone: @escaping @Sendable (Duration) -> Void
    ) {
        let (share, own) = (count / size, ownShare(of: count))
        // Safe: the caller does not touch either buffer until `waitForShares` has returned.
        nonisolated(unsafe) let (numbers, workspace) = (numbers, workspace)
        let size = size
        enqueue {
            let start = ContinuousClock.now
            Self.finish(pn_mpi_exchange_parts(numbers, workspace, Int32(share)))
            Self.sum(workspace, parts: size, of: share, into: numbers + own.lowerBound)
            if gathers { Self.finish(pn_mpi_gather_parts(numbers, Int32(share))) }
            isDone(ContinuousClock.now - start)
        }
    }

    /// Starts sending every process's share of the numbers to all processes. Returns at once; `waitForShares` waits.
    public func gatherShares(_ numbers: UnsafeMutablePointer<Float>, count: Int) {
        let share = ownShare(of: count).count
        // Safe: the caller does not touch the buffer until `waitForShares` has returned.
        nonisolated(unsafe) let numbers = numbers
        enqueue { Self.finish(pn_mpi_gather_parts(numbers, Int32(share))) }
    }

    /// Waits for all sums and shares in progress. Not collective.
    public func waitForShares() { drain() }

    /// Sums `parts` consecutive vectors of `count` numbers, block by block so that partial sums stay in the L1 cache.
    private static func sum(
        _ numbers: UnsafePointer<Float>, parts: Int, of count: Int, into target: UnsafeMutablePointer<Float>
    ) {
        let block = 4096
        for start in stride(from: 0, to: count, by: block) {
            let length = min(block, count - start)
            pn_add(length, numbers + start, numbers + count + start, target + start)
            for part in 2..<max(parts, 2) { pn_accumulate(length, numbers + part * count + start, target + start) }
        }
    }
}
