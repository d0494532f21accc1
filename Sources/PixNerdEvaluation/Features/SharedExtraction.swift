import PixNerdDistributed
import PixNerdTensors

/// Distributes feature extraction over processes: rank 0 reads and measures the images, and sends batches to the other
/// ranks, which need only the network.
public struct SharedExtraction {
    private let communicator: Communicator
    private let precision: Precision

    /// - Parameter precision: the precision of the network's large matrix multiplications.
    public init(_ communicator: Communicator, precision: Precision) {
        (self.communicator, self.precision) = (communicator, precision)
    }

    /// Number of batches processed at once.
    var width: Int { communicator.size }

    /// Features of at most `width` batches, in order. For rank 0.
    func features(of batches: [PixelBatch], _ extractor: any FeatureExtractor) throws -> [ExtractedFeatures] {
        for (rank, batch) in batches.enumerated().dropFirst() {
            send([batch.count, batch.height, batch.width], to: rank)
            batch.pixels.withUnsafeBytes { communicator.send($0, to: rank) }
        }
        let own = try batches.first.map { batch in try precision { extractor(batch) } }
        return (own.map { [$0] } ?? [])
            + batches.enumerated().dropFirst().map { rank, batch in
                let widths = receiveNumbers(3, from: rank)
                let parts = widths.map { width in width > 0 ? receiveTensor([batch.count, width], from: rank) : nil }
                return ExtractedFeatures(pool: parts[0]!, spatial: parts[1], logits: parts[2])
            }
    }

    /// Ends `serve` on the other ranks. For rank 0.
    func end() { for rank in 1..<max(communicator.size, 1) { send([0, 0, 0], to: rank) } }

    /// Extracts features from the batches that rank 0 sends, until it ends. For all other ranks.
    public func serve(_ extractor: any FeatureExtractor) throws {
        while true {
            let sizes = receiveNumbers(3, from: 0)
            guard sizes[0] > 0 else { return }
            var pixels = [UInt8](repeating: 0, count: sizes.reduce(3, *))
            pixels.withUnsafeMutableBytes { communicator.receive($0, from: 0) }
            let batch = PixelBatch(count: sizes[0], height: sizes[1], width: sizes[2], pixels: pixels)
            let features = try precision { extractor(batch) }
            let parts = [features.pool, features.spatial, features.logits]
            send(parts.map { $0.map { $0.count / batch.count } ?? 0 }, to: 0)
            for part in parts.compactMap({ $0 }) {
                part.withUnsafeBuffer { communicator.send(UnsafeRawBufferPointer($0), to: 0) }
            }
        }
    }

    private func send(_ numbers: [Int], to rank: Int) {
        numbers.withUnsafeBytes { communicator.send($0, to: rank) }
    }

    private func receiveNumbers(_ count: Int, from rank: Int) -> [Int] {
        var numbers = [Int](repeating: 0, count: count)
        numbers.withUnsafeMutableBytes { communicator.receive($0, from: rank) }
        return numbers
    }

    private func receiveTensor(_ shape: [Int], from rank: Int) -> Tensor {
        var tensor = Tensor(uninitialized: shape)
        tensor.withUnsafeMutableBuffer { communicator.receive(UnsafeMutableRawBufferPointer($0), from: rank) }
        return tensor
    }
}
