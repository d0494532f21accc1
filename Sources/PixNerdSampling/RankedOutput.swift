import PixNerdDiffusion
import PixNerdDistributed
import PixNerdTensors

/// Divides the batches of an output among processes: each makes every so many of them, and rank 0, which has the output,
/// takes in the pictures of all.
///
/// Batches are the same as those of one process, so that pictures are, too. After each round of as many batches as there
/// are processes, rank 0 receives what the others made.
public struct RankedOutput: SampleOutput {
    public let kept: Int
    private let communicator: Communicator
    /// On rank 0.
    private var output: (any SampleOutput)?
    /// The first requests of the batches that are made, in order.
    private let starts: [Int]
    private let batch: Int
    private let requests: Int
    /// Of a picture, [3, H, W].
    private let shape: [Int]
    private var round = 0

    /// - Parameters:
    ///   - open: opens the output; called on rank 0 alone.
    ///   - isNeeded: whether a batch is made even where the output has it; asked on rank 0 alone.
    /// - Throws: on every process, what `open` throws.
    public init(
        _ communicator: Communicator, _ plan: SamplePlan, shape: [Int], isNeeded: (Range<Int>) -> Bool = { _ in false },
        open: () throws -> any SampleOutput
    ) throws {
        self.communicator = communicator
        self.shape = shape
        (batch, requests) = (plan.batch, plan.requests.count)
        let opened = try communicator.agree { communicator.isRoot ? try open() : nil }
        output = opened
        let (batch, requests) = (batch, requests)
        let own = stride(from: 0, to: opened == nil ? 0 : requests, by: batch).filter { start in
            let places = start..<min(start + batch, requests)
            return isNeeded(places) || opened?.holds(places) == false
        }
        starts = communicator.gather(numbers: own)[0]
        kept = opened?.kept ?? 0
    }

    private var rounds: Int { (starts.count + communicator.size - 1) / communicator.size }

    /// The place of a batch among those that are made; nil where it is not.
    private func place(of requests: Range<Int>) -> Int? { starts.firstIndex(of: requests.lowerBound) }

    /// Also so of what another process makes.
    public func holds(_ requests: Range<Int>) -> Bool {
        place(of: requests).map { $0 % communicator.size != communicator.rank } ?? true
    }

    public mutating func write(_ pixels: Tensor, first: Int) throws { try takeIn(pixels) }

    public mutating func finish() throws {
        // Of the last round some have no batch.
        while round < rounds { try takeIn(nil) }
        // Everything is said by rank 0: the others wait until it has its final form.
        var last = output
        try communicator.agree { try last?.finish() }
    }

    /// Ends a round: every batch of it comes to rank 0.
    ///
    /// - Parameter pixels: of this process's batch, where it has one.
    private mutating func takeIn(_ pixels: Tensor?) throws {
        defer { round += 1 }
        for rank in 0..<communicator.size {
            let place = round * communicator.size + rank
            guard place < starts.count else { return }
            if communicator.isRoot {
                let first = starts[place]
                let made = rank == 0 ? pixels : received(from: rank, [min(batch, requests - first)] + shape)
                if let made { try output?.write(made, first: first) }
            } else if rank == communicator.rank {
                pixels?.withUnsafeBuffer { communicator.send(UnsafeRawBufferPointer($0), to: 0) }
            }
        }
    }

    private func received(from rank: Int, _ shape: [Int]) -> Tensor {
        var pixels = Tensor(uninitialized: shape)
        pixels.withUnsafeMutableBuffer { communicator.receive(UnsafeMutableRawBufferPointer($0), from: rank) }
        return pixels
    }
}
