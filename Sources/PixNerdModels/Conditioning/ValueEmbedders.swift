import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// Embedders of the values that come with a condition, such as an age. Each adds to the embedding of the time.
///
/// A value is embedded like a time, with features whose periods suit standardised values. The last layer is zero at
/// first, so that a model does not change when it is given one. A value that is not told adds nothing; a learned vector
/// in its place would add no more than the biases of the embedder and of the time can tell.
struct ValueEmbedders: Sendable {
    private let embedders: [[Linear]]

    /// The features of a value have periods from 2 pi / `fastest`, 0.8 standard deviations, to `periods` times as much,
    /// so that a value of -3 ... 3 is resolved finely and its largest features still are in order.
    private static let (fastest, periods): (Float, Float) = (8, 100)

    /// - Parameters:
    ///   - root: the scope of the model.
    ///   - count: number of values.
    ///   - width: token width D.
    init(_ root: ParameterScope, count: Int, width: Int) {
        embedders = (0..<count).map { NumberEmbedders.layers(root / Self.name / $0, width: width) }
    }

    /// Adds the embeddings of values to that of the time.
    ///
    /// - Parameters:
    ///   - time: embedding of the time, [B, D].
    ///   - values: B rows of standardised values; an empty row tells none.
    /// - Returns: [B, D].
    /// - Precondition: each row has a value, or nil, for each embedder, or is empty.
    func callAsFunction(_ time: Tensor, _ values: [[Float?]]) -> Tensor {
        precondition(
            values.allSatisfy { $0.isEmpty || $0.count == embedders.count },
            "ValueEmbedders: \(values) for a model that is told \(embedders.count) values")
        let ones = [Float](repeating: 1, count: values.count)
        return embedders.indices.reduce(time) { total, place in
            let column = values.map { $0.isEmpty ? nil : $0[place] }
            let features = timestepFeatures(column.map { Self.fastest * ($0 ?? 0) }, maximumPeriod: Self.periods)
            let layers = embedders[place]
            // Computed for all images, so that every weight has a gradient in every step.
            let embedding = layers[1](silu(layers[0](features)))
            return weightedSum(ones, total, column.map { $0 == nil ? 0 : 1 }, embedding)
        }
    }

    private static let name = "v_embedder"

    /// Number of values that the model of a checkpoint is told, read off the names of its tensors.
    static func count(readFrom source: any TensorSource) -> Int {
        (0..<SizeLimits.values).first { source.shape(of: "\(name).\($0).mlp.0.weight") == nil } ?? SizeLimits.values
    }
}
