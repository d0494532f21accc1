import CPixNerdKernels
import CPixNerdMPI

/// Numbers that all processes have, cut into as many equal shares as there are processes, one behind the other.
///
/// The two together are what an all-reduce does; between them, each process may work on its own share alone (ZeRO,
/// Rajbhandari et al., arXiv 1910.02054).
extension Communicator {
    /// The range of this process's share.
    public func ownShare(of count: Int) -> Range<Int> {
        precondition(count % size == 0, "shares: \(count) numbers cannot be cut into \(size) equal shares")
        return rank * (count / size)..<(rank + 1) * (count / size)
    }

    /// Puts into this process's share the sums over all processes, taken in the order of the ranks; the other shares keep
    /// what they hold. Returns at once; `waitForShares` waits.
    ///
    /// - Parameters:
    ///   - numbers: `count` of them; stay alive and untouched until then.
    ///   - workspace: room for as many.
    ///   - gathers: whether the sums then come to all processes.
    ///   - isDone: called, on another thread, with how long it took.
    public func sumShares(
        _ numbers: UnsafeMutablePointer<Float>, count: Int, workspace: UnsafeMutablePointer<Float>, gathers: Bool,
        isDone: @escaping @Sendable (Duration) -> Void
    ) {
        let (share, own) = (count / size, ownShare(of: count))
        // Sound: the caller leaves both alone until `waitForShares` has returned.
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

    /// Brings every process's share of the numbers to all. Returns at once; `waitForShares` waits.
    public func gatherShares(_ numbers: UnsafeMutablePointer<Float>, count: Int) {
        let share = ownShare(of: count).count
        // Sound: the caller leaves them alone until `waitForShares` has returned.
        nonisolated(unsafe) let numbers = numbers
        enqueue { Self.finish(pn_mpi_gather_parts(numbers, Int32(share))) }
    }

    /// Waits for all sums and shares that are under way. Not collective.
    public func waitForShares() { drain() }

    /// The sum of `parts` runs of `count` numbers that lie one behind the other, block by block so that sums stay in the
    /// first-level cache.
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
