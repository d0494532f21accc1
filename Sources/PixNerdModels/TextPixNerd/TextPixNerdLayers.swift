import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// The layers of a text-to-image PixNerd under their published names.
struct TextPixNerdLayers: Sendable {
    /// [1, L, D]
    let textPositions: Parameter
    let patchEmbedder: Linear
    let timeInput: Linear
    let timeOutput: Linear
    let textEmbedder: Linear
    let textNorm: RMSNormWeight
    let blocks: [JointBlock]
    let refineBlocks: [RefineBlock]
    let numberEmbedders: NumberEmbedders
    let head: FieldHead

    init(_ root: ParameterScope, _ architecture: TextPixNerdArchitecture) {
        let (width, field) = (architecture.hiddenSize, architecture.fieldWidth)
        let patchValues = architecture.channels * architecture.patchSize * architecture.patchSize
        textPositions = root.parameter(
            "y_pos_embedding", shape: [1, architecture.textLength, width], .normal(standardDeviation: 1))
        patchEmbedder = Linear(
            root / "s_embedder" / "proj", inputs: patchValues, outputs: width,
            weightInitializer: .xavierUniform(inputs: patchValues, outputs: width), biasInitializer: .zeros)
        let pixelEmbedder = Linear(
            root / "x_embedder" / "embedder" / 0, inputs: architecture.channels + 64, outputs: field)
        let time = root / "t_embedder" / "mlp"
        let narrow = Initializer.normal(standardDeviation: 0.02)
        timeInput = Linear(time / 0, inputs: 256, outputs: width, weightInitializer: narrow)
        timeOutput = Linear(time / 2, inputs: width, outputs: width, weightInitializer: narrow)
        let text = root / "y_embedder"
        textEmbedder = Linear(text / "proj", inputs: architecture.textWidth, outputs: width)
        textNorm = RMSNormWeight(text / "norm", width: width)
        let finalLinear = Linear(
            root / "final_layer" / "linear", inputs: field, outputs: architecture.channels, weightInitializer: .zeros,
            biasInitializer: .zeros)
        let all = root / "blocks"
        blocks = (0..<architecture.encoderBlocks).map { JointBlock(all / $0, architecture) }
        let fields = (0..<architecture.decoderBlocks).map { index in
            FieldHead.Block(
                all / (architecture.encoderBlocks + index), tokenWidth: width, fieldWidth: field,
                fieldRatio: architecture.fieldRatio)
        }
        head = FieldHead(pixelEmbedder: pixelEmbedder, finalNorm: nil, finalLinear: finalLinear, blocks: fields)
        refineBlocks = (0..<architecture.textBlocks).map {
            RefineBlock(root / "text_refine_blocks" / $0, architecture)
        }
        // Last, so that the other weights of a seed do not depend on what the model is told.
        numberEmbedders = NumberEmbedders(root, architecture.numbers, width: width)
    }
}

/// A transformer block over the rows of a text: attention without positions, modulated by time.
struct RefineBlock: Sendable {
    private let block: ModulatedBlock<SelfAttention, StackedGatedLayer>

    init(_ scope: ParameterScope, _ architecture: TextPixNerdArchitecture) {
        let width = architecture.hiddenSize
        block = ModulatedBlock(scope, width: width) {
            SelfAttention($0, width: width, heads: architecture.heads)
        } feedForward: {
            StackedGatedLayer($0, width: width, inner: architecture.feedForwardWidth)
        }
    }

    /// - Parameters:
    ///   - text: [U, L, D].
    ///   - condition: [U, D], from time.
    /// - Returns: [U, L, D].
    func callAsFunction(_ text: Tensor, condition: Tensor) -> Tensor {
        block(text, condition: condition) { $0($1) }
    }
}

/// A transformer block over patches, which attend to each other and to the rows of a text; modulated by time.
struct JointBlock: Sendable {
    private let block: ModulatedBlock<JointAttention, StackedGatedLayer>

    private struct JointAttention: Sendable {
        let patches: Linear
        let text: Linear
        let rest: HeadAttention
    }

    init(_ scope: ParameterScope, _ architecture: TextPixNerdArchitecture) {
        let width = architecture.hiddenSize
        block = ModulatedBlock(scope, width: width) {
            JointAttention(
                patches: Linear($0 / "qkv_x", inputs: width, outputs: 3 * width, bias: false),
                text: Linear($0 / "kv_y", inputs: width, outputs: 2 * width, bias: false),
                rest: HeadAttention($0, width: width, heads: architecture.heads))
        } feedForward: {
            StackedGatedLayer($0, width: width, inner: architecture.feedForwardWidth)
        }
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - condition: [B, D], from time.
    ///   - text: rows of U texts, [U, L, D]. A block reads them as they are and leaves them as they are.
    ///   - textOfImage: for each image the index of its text.
    ///   - table: rotary angles of the grid, [N, d / 2, 2].
    ///   - masks: dropout in training; nil for none.
    /// - Returns: [B, N, D].
    func callAsFunction(
        _ tokens: Tensor, condition: Tensor, text: Tensor, textOfImage: [Int], table: Tensor, masks: BlockMasks?
    ) -> Tensor {
        block(tokens, condition: condition, masks: masks) { attention, tokens in
            attention.rest { queryNorm, keyNorm in
                jointAttention(
                    attention.patches(tokens), text: attention.text(text), textOfImage: textOfImage,
                    queryNorm: queryNorm, keyNorm: keyNorm, heads: attention.rest.heads, table: table)
            }
        }
    }
}
