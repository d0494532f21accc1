import PixNerdDistributed
import PixNerdTensors

/// What a batch costs.
public struct TrainingLoss {
    /// What is differentiated, [1].
    public let mean: Tensor
    public let pictures: PictureLosses

    public init(mean: Tensor, pictures: PictureLosses) {
        self.mean = mean
        self.pictures = pictures
    }
}

/// The losses of pictures one by one, part by part, before weights.
public struct PictureLosses: Sendable {
    private var parts: [String: [Float]]

    public init(_ parts: [String: [Float]]) { self.parts = parts }

    /// Those of several batches together: the parts that all of them have.
    package init(_ batches: [PictureLosses]) {
        parts = batches.first?.parts ?? [:]
        for batch in batches.dropFirst() {
            parts = parts.reduce(into: [:]) { joined, part in
                if let more = batch.parts[part.key] { joined[part.key] = part.value + more }
            }
        }
    }

    /// Those of all processes, by rank.
    package func gathered(by communicator: Communicator) -> PictureLosses {
        PictureLosses(
            Dictionary(
                uniqueKeysWithValues: names.map { name in
                    (name, communicator.gather(numbers: parts[name] ?? []).flatMap { $0 })
                }))
    }

    /// A part by its name; nil where the loss has no such part.
    public subscript(name: String) -> [Float]? { parts[name] }

    /// The mean of a part.
    public func mean(_ name: String) -> Float? {
        parts[name].map { values in Float(values.reduce(0.0) { $0 + Double($1) } / Double(values.count)) }
    }

    /// The names of all parts.
    public var names: [String] { parts.keys.sorted() }
}
