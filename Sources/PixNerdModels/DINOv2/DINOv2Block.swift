import PixNerdLayers
import PixNerdTensors

/// The parameters of a block with the layout of the file.
struct DINOv2BlockParameters {
    let norm1: LayerNormWeights
    /// One layer for queries, keys and values together, or one layer for each.
    let attentionInputs: [Linear]
    let attentionOutput: Linear
    let attentionScale: Parameter
    let norm2: LayerNormWeights
    let feedForwardInput: Linear
    let feedForwardOutput: Linear
    let feedForwardScale: Parameter

    init(_ scope: ParameterScope, _ architecture: DINOv2Architecture) {
        let (width, inner, naming) = (architecture.width, architecture.feedForwardWidth, architecture.naming)
        func layerScale(_ number: Int) -> Parameter {
            let (part, name) = naming.layerScale(number)
            return (scope / part).parameter(name, shape: [width], .ones)
        }
        norm1 = LayerNormWeights(scope / "norm1", width: width)
        let hasBias = architecture.hasAttentionBias
        switch naming {
        case .hub:
            attentionInputs = [Linear(scope / "attn" / "qkv", inputs: width, outputs: 3 * width, bias: hasBias)]
        case .transformers:
            attentionInputs = ["query", "key", "value"].map {
                Linear(scope / "attention" / "attention" / $0, inputs: width, outputs: width, bias: hasBias)
            }
        }
        attentionOutput = Linear(scope / naming.attentionOutput, inputs: width, outputs: width)
        attentionScale = layerScale(1)
        norm2 = LayerNormWeights(scope / "norm2", width: width)
        if architecture.isGated {
            feedForwardInput = Linear(scope / naming.gatedInput, inputs: width, outputs: 2 * inner)
            feedForwardOutput = Linear(scope / naming.gatedOutput, inputs: inner, outputs: width)
        } else {
            feedForwardInput = Linear(scope / "mlp" / "fc1", inputs: width, outputs: inner)
            feedForwardOutput = Linear(scope / "mlp" / "fc2", inputs: inner, outputs: width)
        }
        feedForwardScale = layerScale(2)
    }
}

/// The weight and bias of a LayerNorm.
struct LayerNormWeights: Sendable {
    let weight: Parameter
    let bias: Parameter

    init(_ scope: ParameterScope, width: Int) {
        weight = scope.parameter("weight", shape: [width], .ones)
        bias = scope.parameter("bias", shape: [width], .zeros)
    }

    func callAsFunction(_ x: Tensor, epsilon: Float) -> Tensor {
        layerNorm(x, weight: weight.value, bias: bias.value, epsilon: epsilon)
    }
}

/// A block of a vision transformer: x <- x + s1 Attn(norm1 x), x <- x + s2 MLP(norm2 x), without gradients.
///
/// The layer scales s1 and s2 are folded into the weights of the layer before them. Queries, keys and values are
/// computed by one matmul, whatever the layout of the file.
struct DINOv2Block: Sendable {
    /// A linear layer with weights assembled from those of the file.
    private struct FixedLinear: Sendable {
        /// [out, in]
        let weight: Tensor
        /// [out]
        let bias: Tensor

        /// Concatenates the outputs of layers.
        init(joining layers: [Linear]) {
            weight = layers.count == 1 ? layers[0].weight.value : Tensor.concatenated(layers.map(\.weight.value))
            bias = Tensor.concatenated(layers.map { $0.bias?.value ?? Tensor(zeros: [$0.weight.value.shape[0]]) })
        }

        /// Takes some outputs of a layer.
        init(_ layer: Linear, rows: Range<Int>) {
            weight = layer.weight.value.rows(rows)
            bias = layer.bias!.value.rows(rows)
        }

        /// Folds a scale into a layer: scale (W x + b).
        init(_ layer: Linear, scale: Parameter) {
            let factors = scale.value.values
            // One factor per index of the first axis.
            func scaled(_ x: Tensor) -> Tensor {
                Tensor.combination(factors, x, [Float](repeating: 0, count: factors.count), x)
            }
            weight = scaled(layer.weight.value)
            bias = scaled(layer.bias!.value)
        }

        func callAsFunction(_ x: Tensor) -> Tensor { linear(x, weight: weight, bias: bias) }

        func callAsFunction(_ x: Tensor, addedTo residual: Tensor) -> Tensor {
            linear(addedTo: residual, x, weight: weight, bias: bias)
        }
    }

    private let heads: Int
    private let norm1: LayerNormWeights
    private let qkv: FixedLinear
    private let attentionOutput: FixedLinear
    private let norm2: LayerNormWeights
    /// The first layer of a GELU MLP, or the gate and value layers of a SwiGLU MLP.
    private let feedForwardInputs: [FixedLinear]
    private let feedForwardOutput: FixedLinear

    init(_ parameters: DINOv2BlockParameters, _ architecture: DINOv2Architecture) {
        heads = architecture.heads
        norm1 = parameters.norm1
        qkv = FixedLinear(joining: parameters.attentionInputs)
        attentionOutput = FixedLinear(parameters.attentionOutput, scale: parameters.attentionScale)
        norm2 = parameters.norm2
        let inner = architecture.feedForwardWidth
        feedForwardInputs =
            architecture.isGated
            ? [0..<inner, inner..<2 * inner].map { FixedLinear(parameters.feedForwardInput, rows: $0) }
            : [FixedLinear(joining: [parameters.feedForwardInput])]
        feedForwardOutput = FixedLinear(parameters.feedForwardOutput, scale: parameters.feedForwardScale)
    }

    /// Applies the block to tokens [B, L, D]; returns [B, L, D].
    func callAsFunction(_ tokens: Tensor, epsilon: Float) -> Tensor {
        let mixed = attention(qkv(norm1(tokens, epsilon: epsilon)), heads: heads)
        let attended = attentionOutput(mixed, addedTo: tokens)
        let fed = norm2(attended, epsilon: epsilon)
        let inner =
            feedForwardInputs.count == 1
            ? gelu(feedForwardInputs[0](fed))
            : gatedProduct(gate: feedForwardInputs[0](fed), value: feedForwardInputs[1](fed))
        return feedForwardOutput(inner, addedTo: attended)
    }
}
