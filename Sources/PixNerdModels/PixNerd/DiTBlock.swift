import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// A transformer block of PixNerd: attention with rotary positions, modulated by time and class; or by time, with
/// attention to captions.
struct DiTBlock: Sendable {
    private let block: ModulatedBlock<SelfAttention, GatedLayer>
    private let cross: CrossAttentionLayer?

    init(_ scope: ParameterScope, _ architecture: PixNerdArchitecture) {
        let width = architecture.hiddenSize
        block = ModulatedBlock(scope, width: width, sharesModulation: architecture.captions?.modulation == .single) {
            SelfAttention($0, width: width, heads: architecture.heads)
        } feedForward: {
            GatedLayer($0, width: width, inner: architecture.feedForwardWidth)
        }
        cross = architecture.captions.map { _ in
            CrossAttentionLayer(scope / "cross_attn", width: width, heads: architecture.heads)
        }
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - condition: [B, D], from time and class; or [B, 6 D] of the modulation that all blocks share.
    ///   - captions: embedded rows of texts; nil for a model of classes.
    ///   - table: rotary angles of the grid, [N, d / 2, 2].
    ///   - masks: dropout in training; nil for none.
    /// - Returns: [B, N, D].
    func callAsFunction(
        _ tokens: Tensor, condition: Tensor, captions: EmbeddedCaptions?, table: Tensor, masks: BlockMasks?
    ) -> Tensor {
        func reading(_ tokens: Tensor) -> Tensor {
            guard let cross, let captions else { return tokens }
            return cross(tokens, captions)
        }
        return block(tokens, condition: condition, masks: masks, reading: reading) { $0($1, table: table) }
    }
}
