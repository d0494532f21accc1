import PixNerdLayers
import PixNerdTensors

/// What follows the first layer of an attention: the norms of its heads' queries and keys, and the layer behind it.
struct HeadAttention: Sendable {
    let heads: Int
    private let queryNorm: RMSNormWeight
    private let keyNorm: RMSNormWeight
    private let projection: Linear

    init(_ scope: ParameterScope, width: Int, heads: Int) {
        self.heads = heads
        queryNorm = RMSNormWeight(scope / "q_norm", width: width / heads)
        keyNorm = RMSNormWeight(scope / "k_norm", width: width / heads)
        projection = Linear(scope / "proj", inputs: width, outputs: width)
    }

    /// - Parameter attend: computes the attention, [B, N, D], from the weights of both norms, [d] each.
    /// - Returns: [B, N, D].
    func callAsFunction(_ attend: (_ queryNorm: Tensor, _ keyNorm: Tensor) -> Tensor) -> Tensor {
        projection(attend(queryNorm.weight.tensor, keyNorm.weight.tensor))
    }
}

/// Attention of tokens to each other.
struct SelfAttention: Sendable {
    private let qkv: Linear
    private let rest: HeadAttention

    init(_ scope: ParameterScope, width: Int, heads: Int) {
        qkv = Linear(scope / "qkv", inputs: width, outputs: 3 * width, bias: false)
        rest = HeadAttention(scope, width: width, heads: heads)
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - table: rotary angles, [N, d / 2, 2]; nil for tokens without positions.
    /// - Returns: [B, N, D].
    func callAsFunction(_ tokens: Tensor, table: Tensor? = nil) -> Tensor {
        rest { queryNorm, keyNorm in
            let qkv = qkv(tokens, isRounded: true)
            return table.map {
                rotaryAttention(qkv, queryNorm: queryNorm, keyNorm: keyNorm, heads: rest.heads, table: $0)
            } ?? normalizedAttention(qkv, queryNorm: queryNorm, keyNorm: keyNorm, heads: rest.heads)
        }
    }
}
