import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// A transformer block with adaptive normalisation (Peebles and Xie, arXiv 2212.09748):
/// x <- x + g1 Attn(m1(norm1 x)), x <- x + g2 MLP(m2(norm2 x)), m(x) = x (1 + scale) + shift.
struct ModulatedBlock<Attention: Sendable, FeedForward: FeedForwardLayer>: Sendable {
    private let norm1: RMSNormWeight
    private let attention: Attention
    private let norm2: RMSNormWeight
    private let feedForward: FeedForward
    private let modulation: BlockModulation

    /// - Parameters:
    ///   - width: token width D.
    ///   - sharesModulation: whether blocks share a modulation, to which this one adds a table.
    ///   - attention: makes the attention from the scope `attn`.
    ///   - feedForward: makes the MLP from the scope `mlp`.
    init(
        _ scope: ParameterScope, width: Int, sharesModulation: Bool = false,
        attention: (ParameterScope) -> Attention, feedForward: (ParameterScope) -> FeedForward
    ) {
        norm1 = RMSNormWeight(scope / "norm1", width: width)
        self.attention = attention(scope / "attn")
        norm2 = RMSNormWeight(scope / "norm2", width: width)
        self.feedForward = feedForward(scope / "mlp")
        modulation =
            sharesModulation
            ? .shared(ModulationTable(scope, width: width))
            : .own(Linear(scope / "adaLN_modulation" / 0, inputs: width, outputs: 6 * width))
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - condition: [B, D], or the modulation that blocks share, [B, 6 D].
    ///   - masks: dropout in training; nil for none.
    ///   - reading: what is done to the tokens between attention and MLP.
    ///   - attend: computes the attention of normalized tokens.
    /// - Returns: [B, N, D].
    func callAsFunction(
        _ tokens: Tensor, condition: Tensor, masks: BlockMasks? = nil, reading: (Tensor) -> Tensor = { $0 },
        attend: (_ attention: Attention, _ tokens: Tensor) -> Tensor
    ) -> Tensor {
        let modulation = modulation(condition)
        let attended = modulatedRMSNorm(
            tokens, weight: norm1.weight.tensor, modulation: modulation, shift: .attentionShift,
            scale: .attentionScale)
        var mixed = attend(attention, attended)
        if let masks { mixed = dropout(mixed, masks.attention) }
        let afterAttention = reading(gatedResidual(tokens, mixed, modulation: modulation, gate: .attentionGate))
        let fed = modulatedRMSNorm(
            afterAttention, weight: norm2.weight.tensor, modulation: modulation, shift: .feedForwardShift,
            scale: .feedForwardScale)
        return gatedResidual(
            afterAttention, feedForward(fed, dropout: masks?.feedForward), modulation: modulation,
            gate: .feedForwardGate)
    }
}

/// Where the six parts of a block's modulation come from.
private enum BlockModulation: Sendable {
    /// A layer of the block's own over the condition.
    case own(Linear)
    /// A modulation of all blocks and a table of the block's own.
    case shared(ModulationTable)

    func callAsFunction(_ condition: Tensor) -> Tensor {
        switch self {
        case .own(let linear): linear(condition)
        case .shared(let table): table(condition)
        }
    }
}

/// The MLP of a transformer block.
protocol FeedForwardLayer: Sendable {
    /// Maps x [..., D] to [..., D].
    ///
    /// - Parameter dropout: dropout of the gated product; nil for none.
    func callAsFunction(_ x: Tensor, dropout: DropoutMask?) -> Tensor
}

/// A gated MLP whose gate and value have matrices of their own.
struct GatedLayer: FeedForwardLayer {
    private let gate: Linear
    private let value: Linear
    private let output: Linear

    /// - Parameter isXavier: whether fresh weights have the variance of Glorot and Bengio instead of that of
    ///   `torch.nn.Linear`.
    init(_ scope: ParameterScope, width: Int, inner: Int, isXavier: Bool = false) {
        let initializer = isXavier ? Initializer.xavierUniform(inputs: width, outputs: inner) : nil
        func layer(_ name: String, _ inputs: Int, _ outputs: Int) -> Linear {
            Linear(scope / name, inputs: inputs, outputs: outputs, bias: false, weightInitializer: initializer)
        }
        (gate, value, output) = (layer("w1", width, inner), layer("w3", width, inner), layer("w2", inner, width))
    }

    func callAsFunction(_ x: Tensor, dropout: DropoutMask?) -> Tensor {
        swiGLU(
            x, gateWeight: gate.weight.tensor, valueWeight: value.weight.tensor, outputWeight: output.weight.tensor,
            dropout: dropout)
    }
}

/// A gated MLP whose gate and value are the halves of one matrix.
struct StackedGatedLayer: FeedForwardLayer {
    private let stacked: Linear
    private let output: Linear

    init(_ scope: ParameterScope, width: Int, inner: Int) {
        stacked = Linear(scope / "w12", inputs: width, outputs: 2 * inner, bias: false)
        output = Linear(scope / "w3", inputs: inner, outputs: width, bias: false)
    }

    func callAsFunction(_ x: Tensor, dropout: DropoutMask?) -> Tensor {
        swiGLU(x, stackedWeight: stacked.weight.tensor, outputWeight: output.weight.tensor, dropout: dropout)
    }
}
