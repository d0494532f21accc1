import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import Synchronization

/// PixArt, text to image in latents (alpha: Chen et al., arXiv 2310.00426; Sigma: arXiv 2403.04692).
///
/// It was trained to predict noise. `DiffusionSchedule` turns its prediction into the velocity of a flow, so that the
/// samplers of flows apply; `SamplingSettings.grid` gives the steps of the published ones.
public final class PixArt: NoisePredictor, AlignableDenoiser {
    public let architecture: PixArtArchitecture
    public let parameters: [Parameter]
    public let constants: [Parameter]
    private let layers: PixArtLayers
    /// Whether training keeps only the inputs of the transformer blocks and recomputes the rest in the backward pass.
    public let recomputesBlocks: Bool
    private let schedule = DiffusionSchedule()
    /// The rows of the last layer that predict noise, pixel by pixel; the others predict a variance.
    private let noiseRows: [Range<Int>]
    private let places = Mutex<(rows: Int, columns: Int, positions: Tensor)?>(nil)

    /// A model with the weights of a checkpoint, under published names or those of diffusers.
    ///
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors.
    public convenience init(
        _ architecture: PixArtArchitecture, loading source: any TensorSource, recomputesBlocks: Bool = false
    ) throws {
        try self.init(architecture, source: .load(PixArtNames(source)), recomputesBlocks)
    }

    /// A model with fresh weights, initialised as the published code does.
    public convenience init(_ architecture: PixArtArchitecture, seed: UInt64, recomputesBlocks: Bool = false) {
        // Initialisation never throws; only loading does.
        try! self.init(architecture, source: .initialize(seed: seed), recomputesBlocks)
    }

    private init(
        _ architecture: PixArtArchitecture, source: ParameterStore.Source, _ recomputesBlocks: Bool
    ) throws {
        (self.architecture, self.recomputesBlocks) = (architecture, recomputesBlocks)
        (layers, parameters, constants) = try ParameterStore.build(source) { root in
            (PixArtLayers(root, architecture), root.parameters, root.constants)
        }
        let (pixels, outputs) = (architecture.patchSize * architecture.patchSize, architecture.outputChannels)
        noiseRows = (0..<pixels).map { $0 * outputs..<$0 * outputs + architecture.channels }
    }

    public var channels: Int { architecture.channels }
    public var tokenWidth: Int { architecture.hiddenSize }
    public var tokenBlocks: Int { architecture.depth }
    public var learnsVariance: Bool { architecture.learnsSigma }
    /// Squares of tokens that share keys are whole.
    public var sizeMultiple: ImageSize { ImageSize(architecture.patchSize * architecture.compression) }

    public func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        velocity(x, times: times, condition: condition, tokensAfter: []).velocity
    }

    public func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        precondition(
            times.count == x.shape[0] && condition.count == x.shape[0] && x.shape[1] == channels,
            "PixArt: x \(x.shape), \(times.count) times and \(condition.count) conditions do not fit "
                + "\(channels) channels")
        var tokens: [Int: Tensor] = [:]
        let velocity = schedule.velocity(x, times: times) {
            predicted($0, steps: $1, condition: condition, withVariance: false) { number, after in
                if blocks.contains(number) { tokens[number] = after }
            }
        }
        return (velocity, tokens)
    }

    public func noiseAndVariance(_ noisy: Tensor, steps: [Int], condition: any Condition) -> Tensor {
        predicted(noisy, steps: steps.map(Double.init), condition: condition, withVariance: true)
    }

    /// What the model predicts of noisy latents.
    ///
    /// - Parameters:
    ///   - z: Noisy latents, [B, C, H, W].
    ///   - steps: B diffusion steps, 0 ... 999, in general between two integers.
    ///   - condition: B texts.
    ///   - sizes: What a model of several sizes is told of B images; nil for the size of the latents.
    ///   - withVariance: Whether the variance is computed, too.
    ///   - afterBlock: Called with the number of each block, from 1, and the tokens after it, [B, N, D].
    /// - Returns: Noise [B, C, H, W], followed by C channels of the variance if asked for and learned.
    package func predicted(
        _ z: Tensor, steps: [Double], condition: any Condition, sizes: [PixArtSize]? = nil, withVariance: Bool,
        afterBlock: (_ number: Int, _ tokens: Tensor) -> Void = { _, _ in }
    ) -> Tensor {
        let grid = PatchGrid(shape: z.shape, patch: architecture.patchSize)
        let texts = condition.expect(TextCondition.self, by: "PixArt")
        let distinct = DistinctRows(texts.texts)
        let (rows, ofText) = layers.text(distinct.rows)
        let captions = EmbeddedCaptions(rows: rows, ofText: ofText, textOfImage: distinct.ofImage)
        let told = layers.condition(steps, sizes: sizes ?? Self.sizes(z.shape))
        let shared = layers.modulation(silu(told))
        func run(_ block: PixArtBlock, _ tokens: Tensor) -> Tensor {
            guard recomputesBlocks else {
                return block(tokens, shared: shared, captions: captions, rows: grid.rows, columns: grid.columns)
            }
            return recomputed([tokens, shared, captions.rows]) { inputs in
                var own = captions
                own.rows = inputs[2]
                return block(inputs[0], shared: inputs[1], captions: own, rows: grid.rows, columns: grid.columns)
            }
        }
        var tokens = embedded(z, grid)
        let times = steps.map { Float(schedule.flowTime(step: $0)) }
        var control = layers.control?.pass(condition.pictures, at: times) { embedded($0, grid) }
        for (index, block) in layers.blocks.enumerated() {
            tokens = run(block, control?.added(to: tokens, beforeBlock: index, run) ?? tokens)
            afterBlock(index + 1, tokens)
        }
        return head(tokens, told: told, grid, withVariance: withVariance)
    }

    private static func sizes(_ shape: [Int]) -> [PixArtSize] {
        let pixels = Double(PixArtArchitecture.pixelsPerLatent)
        let (height, width) = (Double(shape[2]) * pixels, Double(shape[3]) * pixels)
        return [PixArtSize](
            repeating: PixArtSize(height: height, width: width, ratio: height / width), count: shape[0])
    }

    /// Tokens with their positions, [B, N, D].
    private func embedded(_ z: Tensor, _ grid: PatchGrid) -> Tensor {
        let positions = positions(rows: grid.rows, columns: grid.columns)
        let weight = layers.patchWeight.tensor
        return linear(
            addedTo: Tensor.concatenated([Tensor](repeating: positions, count: grid.batch)), grid.tokens(z),
            weight: weight.reshaped([architecture.hiddenSize, weight.count / architecture.hiddenSize]),
            bias: layers.patchBias.tensor)
    }

    /// The last layer over modulated tokens, as an image.
    private func head(_ tokens: Tensor, told: Tensor, _ grid: PatchGrid, withVariance: Bool) -> Tensor {
        let table = repeated(layers.finalTable.tensor, count: grid.batch)
        // Shift and scale both add the embedded step itself.
        let twice = embedding(told, indices: (0..<grid.batch).flatMap { [$0, $0] }).reshaped(table.shape)
        let normalized = modulatedLayerNorm(tokens, modulation: sum(table, twice))
        let isWhole = withVariance || !architecture.learnsSigma
        let channels = isWhole ? architecture.outputChannels : architecture.channels
        func chosen(_ x: Tensor) -> Tensor { isWhole ? x : Tensor.concatenated(noiseRows.map { x.rows($0) }) }
        let last = layers.finalLinear
        let (weight, bias) = (chosen(last.weight.tensor), chosen(last.bias!.tensor))
        let pixels = linear(normalized, weight: weight, bias: bias)
        return grid.with(channels: channels).image(
            fromPixels: pixels.reshaped([grid.patches, architecture.patchSize * architecture.patchSize, channels]))
    }

    /// Position embeddings of a grid of tokens, [1, rows * columns, D]; those of the last grid are kept.
    private func positions(rows: Int, columns: Int) -> Tensor {
        places.withLock { places in
            if let places, places.rows == rows, places.columns == columns { return places.positions }
            let base = Double(architecture.baseGrid)
            let positions = gridPositions(
                rows: rows, columns: columns, width: architecture.hiddenSize,
                rowSpacing: base / Double(rows) / architecture.interpolation,
                columnSpacing: base / Double(columns) / architecture.interpolation)
            places = (rows, columns, positions)
            return positions
        }
    }
}
