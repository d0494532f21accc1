import PixNerdLayers
import PixNerdTensors

/// The layers of a MiniT2I under their published names, without the prefix that all of them have.
struct MiniT2ILayers: Sendable {
    /// [K, C, P, P]: patches to the bottleneck, without a bias.
    let patchInput: Parameter
    /// [D, K, 1, 1]
    let patchOutput: Parameter
    let patchBias: Parameter
    let textEmbedder: Linear
    /// [1, 1, E]: the row of a place that has no token.
    let maskToken: Parameter
    let textBlocks: [TextBlock]
    let doubleBlocks: [DoubleBlock]
    let finalNorm: RMSNormWeight
    /// [P P C, D], pixel by pixel.
    let finalLinear: Linear

    init(_ root: ParameterScope, _ architecture: MiniT2IArchitecture) {
        let (width, patch) = (architecture.hiddenSize, architecture.patchSize)
        let (channels, bottleneck) = (architecture.channels, architecture.bottleneck)
        let values = channels * patch * patch
        let embedder = root / "img_embedder"
        patchInput = (embedder / "proj1").parameter(
            "weight", shape: [bottleneck, channels, patch, patch],
            .xavierUniform(inputs: values, outputs: bottleneck))
        patchOutput = (embedder / "proj2").parameter(
            "weight", shape: [width, bottleneck, 1, 1], .xavierUniform(inputs: bottleneck, outputs: width))
        patchBias = (embedder / "proj2").parameter("bias", shape: [width], .zeros)
        textEmbedder = Linear(root / "txt_embedder", inputs: architecture.textWidth, outputs: width, bias: false)
        maskToken = root.parameter(
            "mask_token", shape: [1, 1, architecture.textWidth], .normal(standardDeviation: 0.02))
        textBlocks = (0..<architecture.textBlocks).map {
            TextBlock(root / "txt_preamble_blocks" / $0, architecture)
        }
        doubleBlocks = (0..<architecture.doubleBlocks).map { DoubleBlock(root / "double_blocks" / $0, architecture) }
        let final = root / "final_layer"
        finalNorm = RMSNormWeight(final / "norm_final", width: width)
        finalLinear = Linear(
            final / "linear", inputs: width, outputs: values, weightInitializer: .zeros, biasInitializer: .zeros)
    }

    /// The tokens of patches, with their positions.
    ///
    /// - Parameters:
    ///   - patches: [B, N, C P P], channel by channel.
    ///   - positions: [B, N, D].
    /// - Returns: [B, N, D].
    func embedded(_ patches: Tensor, positions: Tensor) -> Tensor {
        func matrix(_ parameter: Parameter) -> Tensor {
            let (weight, outputs) = (parameter.tensor, parameter.value.shape[0])
            return weight.reshaped([outputs, weight.count / outputs])
        }
        return linear(
            addedTo: positions, linear(patches, weight: matrix(patchInput)), weight: matrix(patchOutput),
            bias: patchBias.tensor)
    }

    /// The patches of the clean image, [B, N, P P C], pixel by pixel, from tokens [B, N, D].
    func pixels(_ tokens: Tensor) -> Tensor { finalLinear(rmsNorm(tokens, weight: finalNorm.weight.tensor)) }
}

/// The layers of one stream of tokens in a block; what joins streams is the attention between them.
struct StreamLayers: Sendable {
    private let norm1: RMSNormWeight
    private let norm2: RMSNormWeight
    private let qkv: Linear
    private let projection: Linear
    private let feedForward: GatedLayer
    /// What is behind the attention.
    private let later: [Parameter]

    /// - Parameter prefix: what the names of the stream's layers begin with.
    init(_ scope: ParameterScope, prefix: String, _ architecture: MiniT2IArchitecture) {
        let (width, attended) = (architecture.hiddenSize, architecture.heads * architecture.headWidth)
        norm1 = RMSNormWeight(scope / "\(prefix)norm1", width: width)
        qkv = Linear(scope / "\(prefix)qkv", inputs: width, outputs: 3 * attended)
        let first = scope.parameters.count
        projection = Linear(scope / "\(prefix)attn_proj", inputs: attended, outputs: width)
        norm2 = RMSNormWeight(scope / "\(prefix)norm2", width: width)
        feedForward = GatedLayer(
            scope / "\(prefix)mlp", width: width, inner: architecture.feedForwardWidth, isXavier: true)
        later = Array(scope.parameters[first...])
    }

    /// Queries, keys and values, [B, N, 3 D], of tokens [B, N, D].
    func parts(_ tokens: Tensor) -> Tensor { qkv(rmsNorm(tokens, weight: norm1.weight.tensor)) }

    /// The tokens after the block.
    ///
    /// - Parameters:
    ///   - tokens: before the block, [B, N, D].
    ///   - answers: what the attention gives for the tokens, [B, N, D].
    func callAsFunction(_ tokens: Tensor, _ answers: Tensor) -> Tensor {
        let mixed = linear(
            addedTo: tokens, answers, weight: projection.weight.tensor, bias: projection.bias!.tensor)
        return sum(mixed, feedForward(rmsNorm(mixed, weight: norm2.weight.tensor), dropout: nil))
    }

    /// The weights behind the attention, as operators take them.
    var laterWeights: [Tensor] { later.map(\.tensor) }
}

/// The norms of the heads' queries and keys, and the attention.
struct StreamHeadNorms: Sendable {
    private let heads: Int
    private let queryNorm: RMSNormWeight
    private let keyNorm: RMSNormWeight

    init(_ scope: ParameterScope, _ architecture: MiniT2IArchitecture) {
        heads = architecture.heads
        queryNorm = RMSNormWeight(scope / "q_norm", width: architecture.headWidth)
        keyNorm = RMSNormWeight(scope / "k_norm", width: architecture.headWidth)
    }

    /// - Parameters:
    ///   - streams: queries, keys and values, [B, N, 3 D] each.
    ///   - answered: the streams whose queries are answered; nil for all.
    ///   - tables: rotary angles of each stream, [N, 2, d / 2].
    /// - Returns: [B, N, D] for each answered stream.
    func callAsFunction(_ streams: [Tensor], answering answered: Range<Int>? = nil, tables: [Tensor]) -> [Tensor] {
        streamAttention(
            streams, answering: answered, queryNorm: queryNorm.weight.tensor, keyNorm: keyNorm.weight.tensor,
            heads: heads, tables: tables)
    }
}

/// A block over the rows of a text, before they meet the image.
struct TextBlock: Sendable {
    private let norms: StreamHeadNorms
    private let stream: StreamLayers

    init(_ scope: ParameterScope, _ architecture: MiniT2IArchitecture) {
        norms = StreamHeadNorms(scope, architecture)
        stream = StreamLayers(scope, prefix: "", architecture)
    }

    /// - Parameters:
    ///   - text: [U, L, D].
    ///   - table: rotary angles of its places, [L, 2, d / 2].
    /// - Returns: [U, L, D].
    func callAsFunction(_ text: Tensor, table: Tensor) -> Tensor {
        stream(text, norms([stream.parts(text)], tables: [table])[0])
    }
}

/// A block over a text and an image, each with layers of its own, and one attention over both.
struct DoubleBlock: Sendable {
    private let norms: StreamHeadNorms
    private let ofText: StreamLayers
    private let ofImage: StreamLayers

    init(_ scope: ParameterScope, _ architecture: MiniT2IArchitecture) {
        norms = StreamHeadNorms(scope, architecture)
        ofText = StreamLayers(scope, prefix: "txt_", architecture)
        ofImage = StreamLayers(scope, prefix: "img_", architecture)
    }

    /// - Parameters:
    ///   - text: [B, L, D].
    ///   - image: [B, N, D].
    ///   - tables: rotary angles of the text's places and of the image's.
    /// - Returns: text and image after the block.
    func callAsFunction(text: Tensor, image: Tensor, tables: [Tensor]) -> (text: Tensor, image: Tensor) {
        let answers = norms([ofText.parts(text), ofImage.parts(image)], tables: tables)
        return (ofText(text, answers[0]), ofImage(image, answers[1]))
    }

    /// The image alone after the block, as behind the last one, where nothing reads the text any more.
    ///
    /// - Returns: [B, N, D].
    func imageAlone(text: Tensor, image: Tensor, tables: [Tensor]) -> Tensor {
        let answers = norms([ofText.parts(text), ofImage.parts(image)], answering: 1..<2, tables: tables)
        return withoutEffect(of: ofText.laterWeights, on: ofImage(image, answers[0]))
    }
}
