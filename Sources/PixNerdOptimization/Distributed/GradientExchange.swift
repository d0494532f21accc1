import PixNerdDistributed
import PixNerdTensors

/// Sums the gradients of several processes while the backward pass is still running, and optionally shares the update
/// among them.
///
/// Gradients are collected in flat memory. A bucket of it is summed as soon as it is complete and all buckets before it
/// have been started, so that all processes sum the same buckets in the same order.
public final class GradientExchange {
    public let communicator: Communicator
    /// Whether each process updates only its share of the elements, and holds moments and EMAs of that share only.
    public let sharesUpdate: Bool
    /// The elements that this process updates.
    public let pieces: [ParameterPiece]
    package let layout: ShareLayout
    private let parameters: [Parameter]
    private let places: [ObjectIdentifier: Int]
    private let gradients: FlatMemory
    /// Flat memory of the weights, if the update is shared.
    private let weights: FlatMemory?
    private let workspace: FlatMemory
    /// Number of parameters in each bucket whose gradients are not complete.
    private var missing: [Int] = []
    private var nextBucket = 0
    private let clock = ExchangeClock()

    /// - Parameters:
    ///   - parameters: all trained parameters, in the same order on every process. Their gradients move into memory of
    ///     this object.
    ///   - sharesUpdate: whether each process updates only a share (stage 1 of ZeRO: Rajbhandari et al., arXiv
    ///     1910.02054).
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
            // Freed now, so that memory never holds all weights twice.
            MemoryPool.shared.releaseKept()
        }
        for (parameter, offset) in zip(parameters, layout.offsets) {
            parameter.gatherGradient(in: gradients.tensor(at: offset, shape: parameter.value.shape))
        }
        // Gaps count towards the norm.
        for gap in layout.gaps { gradients.clear(gap) }
    }

    /// Starts the sums of a step.
    ///
    /// - Returns: an observer of complete gradients, for the last backward pass of the step.
    package func begin() -> GradientObserver {
        missing = [Int](repeating: 0, count: layout.buckets)
        for parameter in parameters.indices { for bucket in layout.buckets(of: parameter) { missing[bucket] += 1 } }
        nextBucket = 0
        clock.begin()
        return GradientObserver { [self] parameter in
            // Not every parameter is trained here: the inputs of recomputed blocks look like parameters.
            guard let place = places[ObjectIdentifier(parameter)] else { return }
            for bucket in layout.buckets(of: place) { missing[bucket] -= 1 }
            while nextBucket < layout.buckets && missing[nextBucket] == 0 { sumNextBucket() }
        }
    }

    private func sumNextBucket() {
        for (place, offset) in layout.offsets.enumerated() where layout.buckets(of: place).contains(nextBucket) {
            let parameter = parameters[place]
            if let gradient = parameter.gradient, !gradients.holds(gradient, at: offset) {
                preconditionFailure("GradientExchange: the gradient of \(parameter.name) is no longer in flat memory")
            }
        }
        communicator.sumShares(
            gradients.pointer + nextBucket * layout.bucketSize, count: layout.bucketSize, workspace: workspace.pointer,
            gathers: !sharesUpdate, isDone: clock.add)
        nextBucket += 1
    }

    /// Waits after the last backward pass until all sums are complete: for the share of this process, or for
    /// everything.
    package func finish() {
        clock.backwardEnded()
        while nextBucket < layout.buckets { sumNextBucket() }
        communicator.waitForShares()
        clock.end()
    }

    /// Euclidean norm of all gradients together, identical on every process.
    package func gradientNorm() -> Double {
        let own = (0..<layout.buckets).reduce(0.0) { sum, bucket in
            let share = layout.share(of: communicator.rank, bucket: bucket)
            let elements = gradients.tensor(at: share.lowerBound, shape: [share.count])
            return sum + sumOfSquares(.float32(elements), count: share.count)
        }
        return communicator.gather(numbers: [own]).reduce(0.0) { $0 + $1[0] }.squareRoot()
    }

    /// Sends the weights that each process updated to all processes. Does nothing if every process updates all weights.
    package func shareWeights() {
        guard let weights else { return }
        for (place, parameter) in parameters.enumerated()
        where !weights.holds(parameter.value, at: layout.offsets[place]) {
            preconditionFailure("GradientExchange: the weight \(parameter.name) is no longer in flat memory")
        }
        for bucket in 0..<layout.buckets {
            communicator.gatherShares(weights.pointer + bucket * layout.bucketSize, count: layout.bucketSize)
        }
        communicator.waitForShares()
        for parameter in parameters { parameter.valueWasWritten() }
    }

    package func parameterShape(_ place: Int) -> [Int] { parameters[place].value.shape }

    /// Sends the weights of rank 0 to all processes.
    public func broadcastWeights() {
        for parameter in parameters {
            parameter.modify { value in
                value.withUnsafeMutableBuffer { communicator.broadcast(UnsafeMutableRawBufferPointer($0)) }
            }
        }
    }

    /// Times of the sums since the last call of this method.
    public func takeTimes() -> ExchangeTimes { clock.take() }
}
