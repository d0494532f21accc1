import Layers
import Tensors

/// PixNerd, class-conditional (arXiv 2507.23268): a patch transformer whose tokens are the weights of a small MLP for
/// each patch, which maps (noisy pixel, position in the patch) to velocity.
public final class PixNerd: AlignableDenoiser {
    public let architecture: PixNerdArchitecture
    public let parameters: [Parameter]
    private let layers: PixNerdLayers
    /// Whether training keeps only the inputs of the transformer blocks and computes the rest again in the backward
    /// pass: a quarter more time for a fraction of the memory.
    public let recomputesBlocks: Bool

    /// A model with fresh weights, initialised as the published code does.
    public convenience init(_ architecture: PixNerdArchitecture, seed: UInt64, recomputesBlocks: Bool = false) {
        // Initialising never throws: only loading does.
        try! self.init(architecture, source: .initialize(seed: seed), recomputesBlocks)
    }

    /// A model with the weights of a checkpoint, whose names are the published ones without a prefix.
    ///
    /// - Throws: `ArchitectureError` where the sizes cannot be read off the tensors; `CheckpointMismatch` with all
    ///   missing, left-over and misshapen tensors.
    public convenience init(loading source: any TensorSource, recomputesBlocks: Bool = false) throws {
        try self.init(PixNerdArchitecture(readFrom: source), source: .load(source), recomputesBlocks)
    }

    private init(_ architecture: PixNerdArchitecture, source: ParameterStore.Source, _ recomputesBlocks: Bool) throws {
        self.architecture = architecture
        self.recomputesBlocks = recomputesBlocks
        (layers, parameters) = try ParameterStore.build(source) { root in
            (PixNerdLayers(root, architecture), root.parameters)
        }
    }

    public var channels: Int { architecture.channels }
    public var classes: Int { architecture.classes }
    public var sizeMultiple: Int { architecture.patchSize }

    public var tokenWidth: Int { architecture.hiddenSize }
    public var tokenBlocks: Int { architecture.conditionedBlocks }

    public func velocity(_ x: Tensor, times: [Float], labels: [Int]) -> Tensor {
        velocity(x, seen: x, times: times, labels: labels)
    }

    public func velocity(
        _ x: Tensor, times: [Float], labels: [Int], tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor) {
        velocity(x, seen: x, times: times, labels: labels, tokensAfter: block)
    }

    /// The velocity of pictures of which the transformer sees another version, and the tokens that leave a block.
    func velocity(
        _ x: Tensor, seen: Tensor, times: [Float], labels: [Int], tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor) {
        precondition(
            (1...tokenBlocks).contains(block), "PixNerd: there is no block \(block) among the \(tokenBlocks) of tokens")
        var kept: Tensor?
        let velocity = velocity(x, seen: seen, times: times, labels: labels) { number, tokens in
            if number == block { kept = tokens }
        }
        return (velocity, kept!)
    }

    /// The velocity of pictures of which the transformer sees a version with fewer or more pixels.
    ///
    /// The grid of patches is that of what is seen; each patch's field is evaluated at as many pixels as the patch has in
    /// `x`. (The second route to any size: the published text-to-image model decodes so.)
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W]; the rows and columns of the grid divide H and W.
    ///   - seen: [B, C, h, w], of which the patch divides h and w.
    ///   - afterBlock: sees the tokens that leave each block, [B, N, D]; blocks are counted from 1.
    func velocity(
        _ x: Tensor, seen: Tensor, times: [Float], labels: [Int],
        afterBlock: (_ number: Int, _ tokens: Tensor) -> Void = { _, _ in }
    ) -> Tensor {
        let grid = PatchGrid(shape: seen.shape, patch: architecture.patchSize)
        let fieldGrid = PatchGrid(shape: x.shape, rows: grid.rows, columns: grid.columns)
        precondition(
            times.count == grid.batch && labels.count == grid.batch && fieldGrid.batch == grid.batch
                && grid.channels == channels && fieldGrid.channels == channels,
            "PixNerd: x \(x.shape), \(times.count) times and \(labels.count) labels do not fit "
                + "\(channels) channels")
        let table = rotaryTable(
            headWidth: architecture.hiddenSize / architecture.heads, rows: grid.rows, columns: grid.columns)
        let time = layers.timeOutput(silu(layers.timeInput(timestepFeatures(times))))
        let condition = silu(sum(time, embedding(layers.classTable.tensor, indices: labels)))

        var tokens = layers.patchEmbedder(grid.tokens(seen))
        for (index, block) in layers.blocks.enumerated() {
            tokens =
                recomputesBlocks
                ? recomputed([tokens, condition]) { block($0[0], condition: $0[1], table: table) }
                : block(tokens, condition: condition, table: table)
            afterBlock(index + 1, tokens)
        }

        let fieldTokens = siluOfSum(condition: time, tokens).reshaped([grid.patches, architecture.hiddenSize])
        let pixels = neuralField(
            fieldGrid.pixels(x), positions: fieldPositions(height: fieldGrid.patchHeight, width: fieldGrid.patchWidth),
            generated: layers.fieldBlocks.map { $0.generator(fieldTokens) }, weights: layers.fieldWeights)
        return fieldGrid.image(fromPixels: pixels)
    }
}

/// The layers of a PixNerd under their published names.
private struct PixNerdLayers: Sendable {
    let pixelEmbedder: Linear
    let patchEmbedder: Linear
    let timeInput: Linear
    let timeOutput: Linear
    let classTable: Parameter
    let finalNorm: RMSNormWeight
    let finalLinear: Linear
    let blocks: [DiTBlock]
    let fieldBlocks: [FieldBlock]

    /// One layer of the field: what makes its two matrices from a token, and its norm.
    struct FieldBlock: Sendable {
        let generator: Linear
        let norm: RMSNormWeight
    }

    init(_ root: ParameterScope, _ architecture: PixNerdArchitecture) {
        let width = architecture.hiddenSize
        let field = architecture.fieldWidth
        let patchValues = architecture.channels * architecture.patchSize * architecture.patchSize
        let embedding = Initializer.normal(standardDeviation: 0.02)
        pixelEmbedder = Linear(
            root / "x_embedder" / "embedder" / 0, inputs: architecture.channels + 64, outputs: field)
        patchEmbedder = Linear(
            root / "s_embedder" / "proj", inputs: patchValues, outputs: width,
            weightInitializer: .xavierUniform(inputs: patchValues, outputs: width), biasInitializer: .zeros)
        let time = root / "t_embedder" / "mlp"
        timeInput = Linear(time / 0, inputs: 256, outputs: width, weightInitializer: embedding)
        timeOutput = Linear(time / 2, inputs: width, outputs: width, weightInitializer: embedding)
        classTable = (root / "y_embedder" / "embedding_table").parameter(
            "weight", shape: [architecture.classes + 1, width], embedding)
        finalNorm = RMSNormWeight(root / "final_layer" / "norm", width: field)
        finalLinear = Linear(
            root / "final_layer" / "linear", inputs: field, outputs: architecture.channels,
            weightInitializer: .zeros, biasInitializer: .zeros)
        blocks = (0..<architecture.conditionedBlocks).map { DiTBlock(root / "blocks" / $0, architecture) }
        fieldBlocks = (architecture.conditionedBlocks..<architecture.blocks).map { index in
            let scope = root / "blocks" / index
            return FieldBlock(
                generator: Linear(
                    scope / "param_generator1" / 0, inputs: width,
                    outputs: 2 * field * field * architecture.fieldRatio),
                norm: RMSNormWeight(scope / "norm", width: field))
        }
    }

    var fieldWeights: NeuralFieldWeights {
        NeuralFieldWeights(
            embedderWeight: pixelEmbedder.weight.tensor, embedderBias: pixelEmbedder.bias!.tensor,
            norms: fieldBlocks.map(\.norm.weight.tensor), finalNorm: finalNorm.weight.tensor,
            finalWeight: finalLinear.weight.tensor, finalBias: finalLinear.bias!.tensor)
    }
}
