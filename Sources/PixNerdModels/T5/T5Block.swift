import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// A block of a T5's encoder: attention and a gated MLP, each after an RMS norm and added to its input.
struct T5Block: Sendable {
    private let attentionNorm, feedForwardNorm: Tensor
    private let query, key, value, output: EncoderWeight
    private let gate, up, down: EncoderWeight
    private let epsilon: Float

    /// - Parameter isWidened: Whether the weights of matmuls are converted to float32 and kept.
    /// - Throws: `PixNerdError` if the file cannot be read any more.
    init(_ number: Int, of architecture: T5Architecture, _ source: any StoredTensors, isWidened: Bool) throws {
        func norm(_ part: String) throws -> Tensor { try source.tensor(T5Names.block(number, part)) }
        func weight(_ part: String) throws -> EncoderWeight {
            try EncoderWeight(T5Names.block(number, part), source, isWidened: isWidened)
        }
        attentionNorm = try norm("0.layer_norm")
        feedForwardNorm = try norm("1.layer_norm")
        query = try weight("0.SelfAttention.q")
        key = try weight("0.SelfAttention.k")
        value = try weight("0.SelfAttention.v")
        output = try weight("0.SelfAttention.o")
        gate = try weight("1.DenseReluDense.wi_0")
        up = try weight("1.DenseReluDense.wi_1")
        down = try weight("1.DenseReluDense.wo")
        epsilon = Float(architecture.epsilon)
    }

    /// - Parameters:
    ///   - x: [N, E], the tokens of texts one behind another.
    ///   - bias: [H, 2 M - 1], for each distance; M is at least the length of a text.
    ///   - counts: Number of tokens of each text.
    /// - Returns: [N, E].
    func callAsFunction(_ x: Tensor, bias: Tensor, counts: [Int]) -> Tensor {
        let normed = rmsNorm(x, weight: attentionNorm, epsilon: epsilon)
        let attended = biasedAttention(
            queries: query(normed), keys: key(normed), values: value(normed), bias: bias, counts: counts)
        let x = sum(x, output(attended))
        let hidden = rmsNorm(x, weight: feedForwardNorm, epsilon: epsilon)
        return sum(x, down(tanhGELUProduct(gate: gate(hidden), value: up(hidden))))
    }
}
