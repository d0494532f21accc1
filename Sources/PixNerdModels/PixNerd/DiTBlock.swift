import PixNerdLayers
import PixNerdTensors

/// A transformer block with adaptive normalisation (Peebles and Xie, arXiv 2212.09748):
/// x <- x + g1 Attn(m1(norm1 x)), x <- x + g2 MLP(m2(norm2 x)), m(x) = x (1 + scale) + shift.
struct DiTBlock: Sendable {
    private let heads: Int
    private let norm1: RMSNormWeight
    private let qkv: Linear
    private let queryNorm: RMSNormWeight
    private let keyNorm: RMSNormWeight
    private let projection: Linear
    private let norm2: RMSNormWeight
    private let feedForwardGate: Linear
    private let feedForwardValue: Linear
    private let feedForwardOutput: Linear
    private let modulation: Linear

    init(_ scope: ParameterScope, _ architecture: PixNerdArchitecture) {
        let width = architecture.hiddenSize
        let inner = architecture.feedForwardWidth
        heads = architecture.heads
        norm1 = RMSNormWeight(scope / "norm1", width: width)
        let attention = scope / "attn"
        qkv = Linear(attention / "qkv", inputs: width, outputs: 3 * width, bias: false)
        queryNorm = RMSNormWeight(attention / "q_norm", width: width / heads)
        keyNorm = RMSNormWeight(attention / "k_norm", width: width / heads)
        projection = Linear(attention / "proj", inputs: width, outputs: width)
        norm2 = RMSNormWeight(scope / "norm2", width: width)
        let feedForward = scope / "mlp"
        feedForwardGate = Linear(feedForward / "w1", inputs: width, outputs: inner, bias: false)
        feedForwardValue = Linear(feedForward / "w3", inputs: width, outputs: inner, bias: false)
        feedForwardOutput = Linear(feedForward / "w2", inputs: inner, outputs: width, bias: false)
        modulation = Linear(scope / "adaLN_modulation" / 0, inputs: width, outputs: 6 * width)
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - condition: [B, D], from time and class.
    ///   - table: rotary angles of the grid, [N, d / 2, 2].
    /// - Returns: [B, N, D].
    func callAsFunction(_ tokens: Tensor, condition: Tensor, table: Tensor) -> Tensor {
        let modulation = modulation(condition)
        let attended = modulatedRMSNorm(
            tokens, weight: norm1.weight.tensor, modulation: modulation, shift: .attentionShift,
            scale: .attentionScale)
        let mixed = rotaryAttention(
            qkv(attended), queryNorm: queryNorm.weight.tensor, keyNorm: keyNorm.weight.tensor, heads: heads,
            table: table)
        let afterAttention = gatedResidual(tokens, projection(mixed), modulation: modulation, gate: .attentionGate)
        let fed = modulatedRMSNorm(
            afterAttention, weight: norm2.weight.tensor, modulation: modulation, shift: .feedForwardShift,
            scale: .feedForwardScale)
        let transformed = swiGLU(
            fed, gateWeight: feedForwardGate.weight.tensor, valueWeight: feedForwardValue.weight.tensor,
            outputWeight: feedForwardOutput.weight.tensor)
        return gatedResidual(afterAttention, transformed, modulation: modulation, gate: .feedForwardGate)
    }
}
