import PixNerdDiffusion
import PixNerdDistributed
import PixNerdTensors

/// An output whose batches are divided among processes round-robin; rank 0 owns the output and gathers all images.
///
/// Batches are those of a single process, so the images are also the same. After each round of one batch per process,
/// rank 0 receives the images of the other ranks.
public struct RankedOutput: SampleOutput {
    public let kept: Int
    private let communicator: Communicator
    /// The output; nil on all ranks but 0.
    private var output: (any SampleOutput)?
    /// Indices of the first requests of the batches to sample, in order.
    private let starts: [Int]
    private let batch: Int
    private let requests: Int
    /// Shape of an image, [3, H, W].
    private let shape: [Int]
    private var round = 0

    /// - Parameters:
    ///   - plan: the requests and their batch size.
    ///   - shape: shape of an image, [3, H, W].
    ///   - isNeeded: returns whether to sample a batch even if the output holds it; called on rank 0 only.
    ///   - open: opens the output; called on rank 0 only.
    /// - Throws: the error of `open`, on every rank.
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

    /// The index of a batch among those to sample; nil if it is not among them.
    private func place(of requests: Range<Int>) -> Int? { starts.firstIndex(of: requests.lowerBound) }

    /// Whether this rank need not sample a batch, because the output holds it or another rank samples it.
    public func holds(_ requests: Range<Int>) -> Bool {
        place(of: requests).map { $0 % communicator.size != communicator.rank } ?? true
    }

    public mutating func write(_ pixels: Tensor, first: Int) throws { try takeIn(pixels) }

    public mutating func finish() throws {
        // Some ranks have no batch in the last round.
        while round < rounds { try takeIn(nil) }
        // Only rank 0 writes; the others wait until it has finished.
        var last = output
        try communicator.agree { try last?.finish() }
    }

    public func stop() -> KeptSamples { output?.stop() ?? KeptSamples(count: 0, path: "") }

    /// Ends a round by gathering its batches on rank 0.
    ///
    /// - Parameter pixels: pixels of this rank's batch; nil if it has none in this round.
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
