import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// DiT, class-conditional (Peebles and Xie, arXiv 2212.09748): a diffusion transformer over the patches of latents.
///
/// It was trained to predict noise. `DiffusionSchedule` turns its prediction into the velocity of a flow, so the samplers
/// of flows apply. It is for inference only.
public final class DiT: Denoiser {
    public let architecture: DiTArchitecture
    public let parameters: [Parameter]
    private let layers: DiTLayers
    private let schedule = DiffusionSchedule()
    /// The rows of the last layer that predict noise, [P P C, D] and [P P C]; the others predict a variance.
    private let noiseWeight: Tensor
    private let noiseBias: Tensor

    /// A model with the weights of a checkpoint, whose names are the published ones.
    ///
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors.
    public init(_ architecture: DiTArchitecture, loading source: any TensorSource) throws {
        self.architecture = architecture
        let (layers, parameters) = try ParameterStore.build(.load(source)) { root in
            (DiTLayers(root, architecture), root.parameters)
        }
        (self.layers, self.parameters) = (layers, parameters)
        let (pixels, outputs) = (architecture.patchSize * architecture.patchSize, architecture.outputChannels)
        func noiseRows(_ x: Tensor) -> Tensor {
            Tensor.concatenated(
                (0..<pixels).map { x.rows($0 * outputs..<$0 * outputs + architecture.channels) })
        }
        noiseWeight = noiseRows(layers.finalLinear.weight.value)
        noiseBias = noiseRows(layers.finalLinear.bias!.value)
    }

    public var channels: Int { architecture.channels }
    public var sizeMultiple: ImageSize { ImageSize(architecture.patchSize) }

    public func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        let labels = condition.expect(ClassCondition.self, by: "DiT").rows(ofTableFor: architecture.classes)
        precondition(
            times.count == x.shape[0] && labels.count == x.shape[0] && x.shape[1] == channels,
            "DiT: x \(x.shape), \(times.count) times and \(labels.count) conditions do not fit \(channels) channels")
        return schedule.velocity(x, times: times) { predictedNoise($0, steps: $1, labels: labels) }
    }

    /// The noise in latents.
    ///
    /// - Parameters:
    ///   - z: Noisy latents, [B, C, H, W].
    ///   - steps: B diffusion steps, 0 ... 999.
    ///   - labels: The classes of each of B images; the number of classes stands for no condition.
    /// - Returns: [B, C, H, W].
    func predictedNoise(_ z: Tensor, steps: [Double], labels: [[Int]]) -> Tensor {
        let grid = PatchGrid(shape: z.shape, patch: architecture.patchSize)
        let width = architecture.hiddenSize
        let places = positions(rows: grid.rows, columns: grid.columns)
        let residual = Tensor.concatenated([Tensor](repeating: places, count: grid.batch))
        let patchWeight = layers.patchWeight.value
        var tokens = linear(
            addedTo: residual, grid.tokens(z), weight: patchWeight.reshaped([width, patchWeight.count / width]),
            bias: layers.patchBias.value)
        let time = layers.timeOutput(silu(layers.timeInput(diffusionStepFeatures(steps))))
        let condition = silu(sum(time, embedding(layers.classTable.tensor, sets: labels)))
        for block in layers.blocks { tokens = block(tokens, condition: condition) }
        let normalized = modulatedLayerNorm(tokens, modulation: layers.finalModulation(condition))
        let pixels = linear(normalized, weight: noiseWeight, bias: noiseBias)
        return grid.image(
            fromPixels: pixels.reshaped([grid.patches, architecture.patchSize * architecture.patchSize, channels]))
    }

    /// Position embeddings of a grid of patches, [1, rows * columns, D].
    private func positions(rows: Int, columns: Int) -> Tensor {
        rows == architecture.gridSize && columns == rows
            ? layers.positions.value : gridPositions(rows: rows, columns: columns, width: architecture.hiddenSize)
    }
}
