import PixNerdDistributed
import PixNerdTensors

/// The loss of a batch.
public struct TrainingLoss {
    /// Mean loss that is differentiated, of shape [1].
    public let mean: Tensor
    /// Losses per image.
    public let pictures: PictureLosses

    public init(mean: Tensor, pictures: PictureLosses) {
        self.mean = mean
        self.pictures = pictures
    }
}

/// Losses per image and loss part, before the parts are weighted.
public struct PictureLosses: Sendable {
    private var parts: [String: [Float]]

    public init(_ parts: [String: [Float]]) { self.parts = parts }

    /// These losses with one more part.
    package func adding(_ name: String, _ values: [Float]) -> PictureLosses {
        PictureLosses(parts.merging([name: values]) { $1 })
    }

    /// Joins the losses of several batches, for the parts that all of them have.
    package init(_ batches: [PictureLosses]) {
        parts = batches.first?.parts ?? [:]
        for batch in batches.dropFirst() {
            parts = parts.reduce(into: [:]) { joined, part in
                if let more = batch.parts[part.key] { joined[part.key] = part.value + more }
            }
        }
    }

    /// Losses of all processes, joined in the order of the ranks.
    package func gathered(by communicator: Communicator) -> PictureLosses {
        PictureLosses(
            Dictionary(
                uniqueKeysWithValues: names.map { name in
                    (name, communicator.gather(numbers: parts[name] ?? []).flatMap { $0 })
                }))
    }

    /// Losses per image of one part; nil if the loss has no such part.
    public subscript(name: String) -> [Float]? { parts[name] }

    /// Mean of a part over all images; nil if the loss has no such part.
    public func mean(_ name: String) -> Float? {
        parts[name].map { values in Float(values.reduce(0.0) { $0 + Double($1) } / Double(values.count)) }
    }

    /// Names of all parts, sorted.
    public var names: [String] { parts.keys.sorted() }
}
