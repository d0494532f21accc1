import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// Text-to-image PixNerd (arXiv 2507.23268): patches attend to each other and to the rows that a language model gives
/// for a text; their tokens become the weights of a small MLP for each patch, which maps (noisy pixel, position in the
/// patch) to velocity.
///
/// Modulation comes from time alone. The text is embedded, refined by blocks of its own that are modulated by time too,
/// and read by each block of the patches; no row is masked, those of padding neither.
public final class TextPixNerd: AlignableDenoiser, FieldModel {
    public let architecture: TextPixNerdArchitecture
    public let parameters: [Parameter]
    private let layers: TextPixNerdLayers
    /// Whether training keeps only the inputs of the transformer blocks and recomputes the rest in the backward pass,
    /// which takes a quarter more time and a fraction of the memory.
    public let recomputesBlocks: Bool

    /// A model with fresh weights, initialised as the published code does.
    public convenience init(_ architecture: TextPixNerdArchitecture, seed: UInt64, recomputesBlocks: Bool = false) {
        // Initialisation never throws; only loading does.
        try! self.init(architecture, source: .initialize(seed: seed), recomputesBlocks)
    }

    /// A model with the weights of a checkpoint, under their published names without a prefix.
    ///
    /// - Throws: `PixNerdError` if the sizes cannot be inferred from the tensors; `CheckpointMismatch` with all
    ///   missing, unexpected and misshapen tensors.
    public convenience init(loading source: any TensorSource, recomputesBlocks: Bool = false) throws {
        try self.init(TextPixNerdArchitecture(readFrom: source), source: .load(source), recomputesBlocks)
    }

    private init(
        _ architecture: TextPixNerdArchitecture, source: ParameterStore.Source, _ recomputesBlocks: Bool
    ) throws {
        self.architecture = architecture
        self.recomputesBlocks = recomputesBlocks
        (layers, parameters) = try ParameterStore.build(source) { root in
            (TextPixNerdLayers(root, architecture), root.parameters)
        }
    }

    public var channels: Int { architecture.channels }
    public var sizeMultiple: ImageSize { ImageSize(architecture.patchSize) }

    public var tokenWidth: Int { architecture.hiddenSize }
    public var tokenBlocks: Int { architecture.encoderBlocks }

    public func fieldResampled(trainedSize: ImageSize) -> (any FieldResampledDenoiser)? {
        FieldRoute(self, trainedSize: trainedSize)
    }

    func positions(ofPatch height: Int, _ width: Int) -> Tensor { rotaryFieldPositions(height: height, width: width) }

    public func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        velocity(x, times: times, condition: condition, tokensAfter: []).velocity
    }

    public func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        velocity(FieldViews(x, times: times, condition, model: self), condition: condition, tokensAfter: blocks)
    }

    /// The velocity of images that the transformer sees at fewer or more pixels.
    func velocity(
        _ views: FieldViews, condition: any Condition, afterBlock: (_ number: Int, _ tokens: Tensor) -> Void
    ) -> Tensor {
        let (seen, times, told) = (views.seen, views.times, views.condition(condition))
        let grid = PatchGrid(shape: seen.shape, patch: architecture.patchSize)
        let fieldGrid = PatchGrid(shape: views.read.shape, rows: grid.rows, columns: grid.columns)
        precondition(
            times.count == grid.batch && condition.count == grid.batch && fieldGrid.batch == grid.batch
                && grid.channels == channels && fieldGrid.channels == channels,
            "TextPixNerd: x \(views.read.shape), \(times.count) times and \(condition.count) conditions do not fit "
                + "\(channels) channels")
        // The extents of both axes are exchanged, as published; on a square grid it makes no difference.
        let table = rotaryTable(
            headWidth: architecture.hiddenSize / architecture.heads, rows: grid.rows, columns: grid.columns,
            across: Double(grid.rows), down: Double(grid.columns))
        let time = layers.numberEmbedders(
            layers.timeOutput(silu(layers.timeInput(timestepFeatures(times)))), told)
        let modulation = silu(time)
        let texts = DistinctTexts(told, times: times)
        let text = refined(texts, modulation: modulation)

        let dropout = BlockDropout.current
        var tokens = layers.patchEmbedder(grid.tokens(seen))
        for (index, block) in layers.blocks.enumerated() {
            let masks = dropout?.masks(block: index, of: layers.blocks.count)
            func output(_ inputs: [Tensor]) -> Tensor {
                block(
                    inputs[0], condition: inputs[1], text: inputs[2], textOfImage: texts.pairOfImage, table: table,
                    masks: masks)
            }
            let inputs = [tokens, modulation, text]
            tokens = recomputesBlocks ? recomputed(inputs, output) : output(inputs)
            afterBlock(index + 1, tokens)
        }
        let pixels = layers.head(
            fieldGrid.pixels(views.read), tokens: siluOfSum(condition: time, tokens),
            positions: views.positions ?? positions(ofPatch: fieldGrid.patchHeight, fieldGrid.patchWidth))
        return fieldGrid.image(fromPixels: pixels)
    }

    /// What the blocks read of the texts: embedded, with their positions, and refined at the time of each pair.
    ///
    /// - Parameter modulation: [B, D], from time.
    /// - Returns: [V, L, D], one for each pair of a text and a time.
    private func refined(_ texts: DistinctTexts, modulation: Tensor) -> Tensor {
        let rows = texts.rows(length: architecture.textLength, width: architecture.textWidth)
        let embedded = positionedRMSNorm(
            layers.textEmbedder(rows), weight: layers.textNorm.weight.tensor, positions: layers.textPositions.tensor)
        let modulation = texts.firstOfPairs(modulation)
        var text = texts.ofPairs(embedded)
        for block in layers.refineBlocks {
            text =
                recomputesBlocks
                ? recomputed([text, modulation]) { block($0[0], condition: $0[1]) }
                : block(text, condition: modulation)
        }
        return text
    }
}
