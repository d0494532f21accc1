import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// A transformer block of the class-conditional PixNerd: attention with rotary positions, modulated by time and class.
struct DiTBlock: Sendable {
    private let block: ModulatedBlock<SelfAttention, GatedLayer>

    init(_ scope: ParameterScope, _ architecture: PixNerdArchitecture) {
        let width = architecture.hiddenSize
        block = ModulatedBlock(scope, width: width) {
            SelfAttention($0, width: width, heads: architecture.heads)
        } feedForward: {
            GatedLayer($0, width: width, inner: architecture.feedForwardWidth)
        }
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - condition: [B, D], from time and class.
    ///   - table: rotary angles of the grid, [N, d / 2, 2].
    ///   - masks: dropout in training; nil for none.
    /// - Returns: [B, N, D].
    func callAsFunction(_ tokens: Tensor, condition: Tensor, table: Tensor, masks: BlockMasks?) -> Tensor {
        block(tokens, condition: condition, masks: masks) { $0($1, table: table) }
    }
}
