import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// MiniT2I, text to image in pixels (2026): a transformer over the rows of a text and the patches of a noisy image, which
/// predicts the clean image.
///
/// It is told no time: the noisy image shows how noisy it is. Text and image have weights of their own and meet in the
/// attention of each block, which is masked nowhere. Places of the text without a token hold a learned row, and so do all
/// places where there is no condition. Blocks over the text alone come first; over a run of sampling they are computed
/// once for each text.
public final class MiniT2I: AlignableDenoiser {
    public let architecture: MiniT2IArchitecture
    public let parameters: [Parameter]
    private let layers: MiniT2ILayers
    /// Whether training keeps only the inputs of the transformer blocks and recomputes the rest in the backward pass.
    public let recomputesBlocks: Bool

    /// A model with fresh weights, initialised as the published code does.
    public convenience init(_ architecture: MiniT2IArchitecture, seed: UInt64, recomputesBlocks: Bool = false) {
        // Initialisation never throws; only loading does.
        try! self.init(architecture, source: .initialize(seed: seed), recomputesBlocks)
    }

    /// A model with the weights of a checkpoint, under their published names, with or without their prefix.
    ///
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors.
    public convenience init(
        _ architecture: MiniT2IArchitecture, loading source: any TensorSource, recomputesBlocks: Bool = false
    ) throws {
        try self.init(architecture, source: .load(MiniT2ITensors(source)), recomputesBlocks)
    }

    private init(
        _ architecture: MiniT2IArchitecture, source: ParameterStore.Source, _ recomputesBlocks: Bool
    ) throws {
        self.architecture = architecture
        self.recomputesBlocks = recomputesBlocks
        (layers, parameters) = try ParameterStore.build(source) { root in
            (MiniT2ILayers(root, architecture), root.parameters)
        }
        textTable = rotaryTable(
            tokens: architecture.textLength, headWidth: architecture.headWidth, theta: Self.theta)
    }

    /// The base of the rates of rotary positions.
    private static let theta = 10000.0
    /// Rotary angles of the places of a text, [L, 2, d / 2].
    private let textTable: Tensor

    public var channels: Int { architecture.channels }
    public var sizeMultiple: ImageSize { ImageSize(architecture.patchSize) }
    public var tokenWidth: Int { architecture.hiddenSize }
    public var tokenBlocks: Int { architecture.doubleBlocks }

    /// What the network predicts, the clean image; `predicting` turns it into the velocity.
    public func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        velocity(x, times: times, condition: condition, tokensAfter: []).velocity
    }

    public func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        let texts = condition.expect(TextCondition.self, by: "MiniT2I").texts
        let grid = PatchGrid(shape: x.shape, patch: architecture.patchSize)
        precondition(
            times.count == grid.batch && texts.count == grid.batch && grid.channels == channels,
            "MiniT2I: x \(x.shape), \(times.count) times and \(texts.count) conditions do not fit \(channels) channels")
        let tables = [
            textTable,
            rotaryTable(
                rows: grid.rows, columns: grid.columns, headWidth: architecture.headWidth, theta: Self.theta),
        ]
        let positions = gridPositions(rows: grid.rows, columns: grid.columns, width: architecture.hiddenSize)
        var image = layers.embedded(
            grid.tokens(x), positions: Tensor.concatenated([Tensor](repeating: positions, count: grid.batch)))
        var text = refined(texts)
        var tokens: [Int: Tensor] = [:]
        for (index, block) in layers.doubleBlocks.enumerated() {
            if index == layers.doubleBlocks.count - 1 {
                image = recomputed([text, image]) { block.imageAlone(text: $0[0], image: $0[1], tables: tables) }
            } else {
                (text, image) = both(block, text: text, image: image, tables: tables)
            }
            if blocks.contains(index + 1) { tokens[index + 1] = image }
        }
        let side = architecture.patchSize
        let pixels = layers.pixels(image).reshaped([grid.patches, side * side, channels])
        return (grid.image(fromPixels: pixels), tokens)
    }

    /// Text and image after a block that is not the last.
    private func both(
        _ block: DoubleBlock, text: Tensor, image: Tensor, tables: [Tensor]
    ) -> (text: Tensor, image: Tensor) {
        guard recomputesBlocks else { return block(text: text, image: image, tables: tables) }
        let joined = recomputed([text, image]) { inputs in
            let after = block(text: inputs[0], image: inputs[1], tables: tables)
            return joinedTokens([after.text, after.image])
        }
        let rows = text.shape[1]
        return (tokens(0..<rows, of: joined), tokens(rows..<joined.shape[1], of: joined))
    }

    private func recomputed(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
        recomputesBlocks ? PixNerdTensors.recomputed(inputs, body) : body(inputs)
    }

    /// What the blocks over text and image begin with: the rows of each image's text after the blocks over texts alone.
    ///
    /// - Returns: [B, L, D].
    private func refined(_ texts: [TextRows]) -> Tensor {
        let distinct = DistinctRows(texts)
        guard layers.maskToken.tensor.node != nil else {
            // One by one, so that a text has the same bits whatever else is sampled with it.
            let each = distinct.rows.map { text in
                SamplingMemo.value(of: self, for: text) { refinedTogether([text]) }
            }
            return Tensor.concatenated(distinct.ofImage.map { each[$0] })
        }
        let together = refinedTogether(distinct.rows)
        guard distinct.ofImage != Array(distinct.rows.indices) else { return together }
        let (rows, width) = (architecture.textLength, architecture.hiddenSize)
        return embedding(together.reshaped([distinct.rows.count, rows * width]), indices: distinct.ofImage)
            .reshaped([texts.count, rows, width])
    }

    /// The rows of texts after the blocks over texts alone, [U, L, D].
    private func refinedTogether(_ texts: [TextRows]) -> Tensor {
        let rows = filledRows(
            texts.map { $0.encoded?.detached }, length: architecture.textLength, filler: layers.maskToken.tensor)
        return layers.textBlocks.reduce(layers.textEmbedder(rows)) { text, block in
            recomputed([text]) { block($0[0], table: self.textTable) }
        }
    }
}
