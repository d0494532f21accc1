import PixNerdLayers
import PixNerdTensors

/// A transformer block of the class-conditional PixNerd: attention with rotary positions, modulated by time and class.
struct DiTBlock: Sendable {
    private let block: ModulatedBlock<RotaryAttention, GatedLayer>

    private struct RotaryAttention: Sendable {
        let heads: Int
        let qkv: Linear
        let queryNorm: RMSNormWeight
        let keyNorm: RMSNormWeight
        let projection: Linear
    }

    init(_ scope: ParameterScope, _ architecture: PixNerdArchitecture) {
        let (width, heads) = (architecture.hiddenSize, architecture.heads)
        block = ModulatedBlock(scope, width: width) { scope in
            RotaryAttention(
                heads: heads, qkv: Linear(scope / "qkv", inputs: width, outputs: 3 * width, bias: false),
                queryNorm: RMSNormWeight(scope / "q_norm", width: width / heads),
                keyNorm: RMSNormWeight(scope / "k_norm", width: width / heads),
                projection: Linear(scope / "proj", inputs: width, outputs: width))
        } feedForward: { scope in
            GatedLayer(scope, width: width, inner: architecture.feedForwardWidth)
        }
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - condition: [B, D], from time and class.
    ///   - table: rotary angles of the grid, [N, d / 2, 2].
    /// - Returns: [B, N, D].
    func callAsFunction(_ tokens: Tensor, condition: Tensor, table: Tensor) -> Tensor {
        block(tokens, condition: condition) { attention, tokens in
            attention.projection(
                rotaryAttention(
                    attention.qkv(tokens), queryNorm: attention.queryNorm.weight.tensor,
                    keyNorm: attention.keyNorm.weight.tensor, heads: attention.heads, table: table))
        }
    }
}
