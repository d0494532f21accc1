import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// PixNerd for classes, or for captions that its blocks attend to (arXiv 2507.23268): a patch transformer whose tokens
/// become the weights of a small MLP for each patch, which maps (noisy pixel, position in the patch) to velocity; or the
/// same transformer with a linear head.
public final class PixNerd: AlignableDenoiser, FieldModel {
    public let architecture: PixNerdArchitecture
    /// The weights that are trained: all, or those of the ControlNet.
    public let parameters: [Parameter]
    public let constants: [Parameter]
    private let layers: PixNerdLayers
    /// Whether training keeps only the inputs of the transformer blocks and recomputes the rest in the backward pass,
    /// which takes a quarter more time and a fraction of the memory.
    public let recomputesBlocks: Bool

    /// A model with fresh weights, initialised as the published code does.
    public convenience init(_ architecture: PixNerdArchitecture, seed: UInt64, recomputesBlocks: Bool = false) {
        // Initialisation never throws; only loading does.
        try! self.init(architecture, source: .initialize(seed: seed), recomputesBlocks)
    }

    /// A model with the weights of a checkpoint, under their published names without a prefix.
    ///
    /// - Parameter channels: Channels of the data, which the shapes of a linear head do not tell; nil if unknown. See
    ///   `PixNerdArchitecture`.
    /// - Throws: `PixNerdError` if the sizes cannot be inferred from the tensors; `CheckpointMismatch` with all
    ///   missing, unexpected and misshapen tensors.
    public convenience init(
        loading source: any TensorSource, channels: Int? = nil, recomputesBlocks: Bool = false
    ) throws {
        try self.init(
            PixNerdArchitecture(readFrom: source, channels: channels), source: .load(source), recomputesBlocks)
    }

    private init(_ architecture: PixNerdArchitecture, source: ParameterStore.Source, _ recomputesBlocks: Bool) throws {
        self.architecture = architecture
        self.recomputesBlocks = recomputesBlocks
        let (all, others): ([Parameter], [Parameter])
        (layers, all, others) = try ParameterStore.build(source) { root in
            (PixNerdLayers(root, architecture), root.parameters, root.constants)
        }
        guard architecture.controlBlocks > 0 else {
            (parameters, constants) = (all, others)
            return
        }
        parameters = all.filter { ControlNames.areOfControl($0.name) }
        let base = all.filter { !ControlNames.areOfControl($0.name) }
        for parameter in base { parameter.training = .nothing }
        constants = base + others
    }

    public var channels: Int { architecture.channels }
    public var sizeMultiple: ImageSize { ImageSize(architecture.patchSize) }

    public var tokenWidth: Int { architecture.hiddenSize }
    public var tokenBlocks: Int { architecture.conditionedBlocks }

    public func fieldResampled(trainedSize: ImageSize) -> (any FieldResampledDenoiser)? {
        architecture.head == .field ? FieldRoute(self, trainedSize: trainedSize) : nil
    }

    func positions(ofPatch height: Int, _ width: Int) -> Tensor {
        switch architecture.fieldPositions {
        case .corners: fieldPositions(height: height, width: width)
        case .centers:
            centeredFieldPositions(
                height: height, width: width, frequencies: architecture.fieldFrequencies,
                margin: margin(ofPatch: height, width),
                reach: Double(architecture.fieldOverlap) / Double(architecture.patchSize))
        }
    }

    func margin(ofPatch height: Int, _ width: Int) -> PatchMargin {
        PatchMargin(
            rows: architecture.fieldOverlap * height / architecture.patchSize,
            columns: architecture.fieldOverlap * width / architecture.patchSize)
    }

    func fieldInput(_ x: Tensor, times: [Float], _ condition: any Condition) -> Tensor {
        func around(_ image: Tensor) -> Tensor { architecture.fieldNeighbors ? neighborhoods(image) : image }
        let controls = architecture.controlsFields && condition.pictures?.act(at: times) == true
        guard let pictures = controls ? condition.pictures?.tensor : pictures(condition) else { return around(x) }
        return joinedChannels(around(x), around(averagedByArea(pictures, height: x.shape[2], width: x.shape[3])))
    }

    /// The pictures that are read beside noisy pixels, of any size; grey ones if none are given, and nil if the model reads
    /// none.
    private func pictures(_ condition: any Condition) -> Tensor? {
        let channels = architecture.pictureChannels
        guard channels > 0 else { return nil }
        guard let pictures = condition.pictures?.tensor else {
            return Tensor(zeros: [condition.count, channels, 1, 1])
        }
        precondition(
            pictures.shape[1] == channels, "PixNerd: pictures \(pictures.shape) do not have \(channels) channels")
        return pictures
    }

    var isToldDensity: Bool { architecture.numbers.contains(.density) }

    public func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        velocity(x, times: times, condition: condition, tokensAfter: []).velocity
    }

    public func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        velocity(FieldViews(x, times: times, condition, model: self), condition: condition, tokensAfter: blocks)
    }

    /// The velocity of images that the transformer sees at fewer or more pixels.
    ///
    /// With a linear head all of them have the same shape.
    func velocity(
        _ views: FieldViews, condition: any Condition, afterBlock: (_ number: Int, _ tokens: Tensor) -> Void
    ) -> Tensor {
        let (seen, times, told) = (views.seen, views.times, views.condition(condition))
        let grid = PatchGrid(shape: seen.shape, patch: architecture.patchSize)
        precondition(
            architecture.head == .field || seen.shape[2...] == views.read.shape[2...],
            "PixNerd: a linear head decodes at the density of the transformer's input only")
        let inputGrid = PatchGrid(shape: views.read.shape, rows: grid.rows, columns: grid.columns)
        precondition(
            times.count == grid.batch && condition.count == grid.batch && inputGrid.batch == grid.batch
                && grid.channels == channels
                && [0, architecture.controlReads].contains(inputGrid.channels - architecture.fieldReads),
            "PixNerd: x \(views.read.shape), \(times.count) times and \(condition.count) conditions do not fit "
                + "\(channels) channels")
        let table = rotaryTable(
            headWidth: architecture.hiddenSize / architecture.heads, rows: grid.rows, columns: grid.columns)
        let (time, modulator, captions) = conditions(times, condition, told)

        let dropout = BlockDropout.current
        func run(_ block: DiTBlock, _ tokens: Tensor, _ masks: BlockMasks? = nil) -> Tensor {
            func output(_ inputs: [Tensor]) -> Tensor {
                var captions = captions
                captions?.rows = inputs[inputs.count - 1]
                return block(inputs[0], condition: inputs[1], captions: captions, table: table, masks: masks)
            }
            let inputs = [tokens, modulator] + (captions.map { [$0.rows] } ?? [])
            return recomputesBlocks ? recomputed(inputs, output) : output(inputs)
        }
        var tokens = layers.patchEmbedder(grid.tokens(seen))
        if let pictures = pictures(condition) { tokens = sum(tokens, embeddedPictures(pictures, grid)) }
        var control = layers.control?.pass(condition.pictures, at: times) { embeddedPictures($0, grid) }
        for (index, block) in layers.blocks.enumerated() {
            tokens = control?.added(to: tokens, beforeBlock: index) { run($0, $1) } ?? tokens
            tokens = run(block, tokens, dropout?.masks(block: index, of: layers.blocks.count))
            afterBlock(index + 1, tokens)
        }

        switch layers.head {
        case .field(let head):
            let (height, width) = (inputGrid.patchHeight, inputGrid.patchWidth)
            // Views with positions hold the pixels to decode, those around a patch included.
            let margin = views.positions == nil ? margin(ofPatch: height, width) : .none
            let read =
                margin == .none ? views.read : PatchPixels(ofPatch: height, width, margin: margin)(views.read)
            let pixels = head(
                PatchGrid(shape: read.shape, rows: grid.rows, columns: grid.columns).pixels(read),
                tokens: siluOfSum(condition: time, tokens),
                positions: views.positions ?? positions(ofPatch: height, width),
                columns: inputGrid.channels > architecture.fieldReads ? controlColumns(condition) : nil)
            return blendedPatches(pixels, grid: inputGrid.with(channels: channels), margin: margin)
        case .linear(let head):
            return grid.image(fromTokens: head(tokens, condition: modulator))
        }
    }

    /// The embedded patches of pictures, [B, N, D].
    ///
    /// - Parameter pictures: [B, K, H, W] of any size, which is averaged or repeated to that of the grid.
    private func embeddedPictures(_ pictures: Tensor, _ grid: PatchGrid) -> Tensor {
        let (height, width) = (grid.rows * grid.patchHeight, grid.columns * grid.patchWidth)
        return layers.pictureEmbedder!(
            grid.with(channels: pictures.shape[1]).tokens(averagedByArea(pictures, height: height, width: width)))
    }

    /// The columns of the field's first layer that read control pictures, at the strength of these.
    private func controlColumns(_ condition: any Condition) -> Tensor? {
        let strength = condition.pictures?.strength ?? 1
        return (layers.controlField?.tensor).map { strength == 1 ? $0 : scaled($0, by: strength) }
    }

    /// A time as the layers of a block are given it, [1, D].
    func embeddedTime(_ time: Float) -> Tensor { layers.timeOutput(silu(layers.timeInput(timestepFeatures([time])))) }

    /// The embedded times [B, D], what the blocks are modulated by, and the captions that they read.
    private func conditions(
        _ times: [Float], _ condition: any Condition, _ told: any Condition
    ) -> (time: Tensor, modulator: Tensor, captions: EmbeddedCaptions?) {
        let time = layers.numberEmbedders(layers.timeOutput(silu(layers.timeInput(timestepFeatures(times)))), told)
        if let captions = layers.captions { return (time, captions.condition(time), captions.texts(condition)) }
        let asked = condition.expect(ClassCondition.self, by: "PixNerd")
        let valued = layers.valueEmbedders(time, asked.values)
        let classes = embedding(layers.classTable!.tensor, sets: asked.rows(ofTableFor: architecture.classes))
        return (valued, silu(sum(valued, classes)), nil)
    }
}
