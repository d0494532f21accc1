import PixNerdLayers
import PixNerdTensors

/// The head that turns each token into the weights of a small MLP for its patch.
struct FieldHead: Sendable {
    let pixelEmbedder: Linear
    /// Nil in the text-to-image model, whose last layer has no norm. The second matrix of a block is not normalized
    /// there either.
    let finalNorm: RMSNormWeight?
    let finalLinear: Linear
    let blocks: [Block]

    /// One layer of the field: the linear layer that generates its two matrices from a token, and its norm.
    struct Block: Sendable {
        let generator: Linear
        let norm: RMSNormWeight

        init(_ scope: ParameterScope, tokenWidth: Int, fieldWidth: Int, fieldRatio: Int) {
            generator = Linear(
                scope / "param_generator1" / 0, inputs: tokenWidth, outputs: 2 * fieldWidth * fieldWidth * fieldRatio)
            norm = RMSNormWeight(scope / "norm", width: fieldWidth)
        }
    }

    /// - Parameters:
    ///   - pixels: [B N, P P, I], what the field reads of the noisy pixels.
    ///   - tokens: [B, N, D].
    ///   - positions: Position features of the pixels in a patch, [P P, E].
    ///   - columns: Columns of the first layer for values that the pixels have besides what the model reads of them, [F, J];
    ///     nil for none.
    /// - Returns: [B N, P P, C], the velocity.
    func callAsFunction(_ pixels: Tensor, tokens: Tensor, positions: Tensor, columns: Tensor? = nil) -> Tensor {
        let embedder = pixelEmbedder.weight.tensor
        let tokens = tokens.reshaped([tokens.shape[0] * tokens.shape[1], tokens.shape[2]])
        return neuralField(
            pixels, positions: positions, tokens: tokens,
            generators: blocks.map {
                FieldGenerator(weight: $0.generator.weight.tensor, bias: $0.generator.bias!.tensor)
            },
            weights: NeuralFieldWeights(
                embedderWeight: columns.map {
                    insertedColumns(embedder, $0, at: pixels.shape[2] - $0.shape[1])
                } ?? embedder, embedderBias: pixelEmbedder.bias!.tensor,
                norms: blocks.map(\.norm.weight.tensor), finalNorm: finalNorm?.weight.tensor,
                finalWeight: finalLinear.weight.tensor, finalBias: finalLinear.bias!.tensor,
                normalizesSecond: finalNorm != nil))
    }
}
