import PixNerdDistributed
import PixNerdTensors

/// Adds up the gradients of several processes while the backward pass still goes on, and shares the update where asked to.
///
/// Gradients are gathered in flat memory. A bucket of it is summed as soon as it is complete and those before it are on
/// their way, so that all processes sum the same buckets in the same order.
public final class GradientExchange {
    public let communicator: Communicator
    /// Whether each process updates its share alone and has moments and averages of that only.
    public let sharesUpdate: Bool
    /// What this process updates.
    public let pieces: [ParameterPiece]
    package let layout: ShareLayout
    private let parameters: [Parameter]
    private let places: [ObjectIdentifier: Int]
    private let gradients: FlatMemory
    /// Where weights lie where the update is shared.
    private let weights: FlatMemory?
    private let workspace: FlatMemory
    /// Of each bucket: parameters whose gradients are not complete.
    private var missing: [Int] = []
    private var nextBucket = 0
    private let clock = ExchangeClock()

    /// - Parameters:
    ///   - parameters: the same on every process, in the same order; their gradients move into memory of this object.
    ///   - sharesUpdate: each process updates a share (ZeRO's first stage: Rajbhandari et al., arXiv 1910.02054).
    public init(_ parameters: [Parameter], over communicator: Communicator, sharesUpdate: Bool) {
        self.parameters = parameters
        self.communicator = communicator
        self.sharesUpdate = sharesUpdate
        layout = ShareLayout(counts: parameters.map(\.value.count), ranks: communicator.size)
        places = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { (ObjectIdentifier($1), $0) })
        pieces = sharesUpdate ? layout.pieces(of: communicator.rank) : ParameterPiece.whole(parameters)
        weights = sharesUpdate ? FlatMemory(count: layout.count) : nil
        gradients = FlatMemory(count: layout.count)
        workspace = FlatMemory(count: layout.bucketSize)
        for (parameter, offset) in zip(parameters, layout.offsets) {
            guard let weights else { break }
            parameter.move(to: weights, at: offset)
            // Now, so that there are never two of all weights.
            MemoryPool.shared.releaseKept()
        }
        for (parameter, offset) in zip(parameters, layout.offsets) {
            parameter.gatherGradient(in: gradients.tensor(at: offset, shape: parameter.value.shape))
        }
        // They count for the norm.
        for gap in layout.gaps { gradients.clear(gap) }
    }

    /// Is to be told of complete gradients by the last backward pass of a step; calling this begins the step's sums.
    package func begin() -> GradientObserver {
        missing = [Int](repeating: 0, count: layout.buckets)
        for parameter in parameters.indices { for bucket in layout.buckets(of: parameter) { missing[bucket] += 1 } }
        nextBucket = 0
        clock.begin()
        return GradientObserver { [self] parameter in
            // What is trained is not all: recomputed blocks have inputs that look like parameters.
            guard let place = places[ObjectIdentifier(parameter)] else { return }
            for bucket in layout.buckets(of: place) { missing[bucket] -= 1 }
            while nextBucket < layout.buckets && missing[nextBucket] == 0 { sumNextBucket() }
        }
    }

    private func sumNextBucket() {
        for (place, offset) in layout.offsets.enumerated() where layout.buckets(of: place).contains(nextBucket) {
            let parameter = parameters[place]
            if let gradient = parameter.gradient, !gradients.holds(gradient, at: offset) {
                preconditionFailure("GradientExchange: the gradient of \(parameter.name) has left its place")
            }
        }
        communicator.sumShares(
            gradients.pointer + nextBucket * layout.bucketSize, count: layout.bucketSize, workspace: workspace.pointer,
            gathers: !sharesUpdate, isDone: clock.add)
        nextBucket += 1
    }

    /// Waits, after the last backward pass, until all sums are there: of this process's share, or of everything.
    package func finish() {
        clock.backwardEnded()
        while nextBucket < layout.buckets { sumNextBucket() }
        communicator.waitForShares()
        clock.end()
    }

    /// The Euclidean norm of all gradients together, the same on every process.
    package func gradientNorm() -> Double {
        let own = (0..<layout.buckets).reduce(0.0) { sum, bucket in
            let share = layout.share(of: communicator.rank, bucket: bucket)
            let elements = gradients.tensor(at: share.lowerBound, shape: [share.count])
            return sum + sumOfSquares(.float32(elements), count: share.count)
        }
        return communicator.gather(numbers: [own]).reduce(0.0) { $0 + $1[0] }.squareRoot()
    }

    /// Brings every process's updated weights to all; of nothing where each updates all of them.
    package func shareWeights() {
        guard let weights else { return }
        for (place, parameter) in parameters.enumerated()
        where !weights.holds(parameter.value, at: layout.offsets[place]) {
            preconditionFailure("GradientExchange: the weight \(parameter.name) has left its place")
        }
        for bucket in 0..<layout.buckets {
            communicator.gatherShares(weights.pointer + bucket * layout.bucketSize, count: layout.bucketSize)
        }
        communicator.waitForShares()
        for parameter in parameters { parameter.valueWasWritten() }
    }

    package func parameterShape(_ place: Int) -> [Int] { parameters[place].value.shape }

    /// Brings the weights of rank 0 to all processes.
    public func broadcastWeights() {
        for parameter in parameters {
            parameter.modify { value in
                value.withUnsafeMutableBuffer { communicator.broadcast(UnsafeMutableRawBufferPointer($0)) }
            }
        }
    }

    /// How long sums took so far, and how much of that the backward pass did not hide; the next call counts anew.
    public func takeTimes() -> ExchangeTimes { clock.take() }
}
