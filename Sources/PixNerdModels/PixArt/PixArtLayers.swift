import Foundation
import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// The layers of a PixArt under the names of the published `.pth` files.
struct PixArtLayers: Sendable {
    /// [D, C, P, P]
    let patchWeight: Parameter
    let patchBias: Parameter
    let time: StepEmbedder
    /// Gives the modulation that all blocks share, [B, 6 D].
    let modulation: Linear
    /// Embeds the rows of texts.
    let text: CaptionEmbedder
    /// Height and width, and their ratio, of models that are told them.
    let sizes: (side: StepEmbedder, ratio: StepEmbedder)?
    let blocks: [PixArtBlock]
    /// Shift and scale before the last layer, [2, D], to which the embedded step is added.
    let finalTable: Parameter
    /// [P P K, D] with K output channels, pixel by pixel.
    let finalLinear: Linear
    /// Nil without a ControlNet.
    let control: ControlLayers<PixArtBlock>?

    init(_ root: ParameterScope, _ architecture: PixArtArchitecture) {
        let (width, patch) = (architecture.hiddenSize, architecture.patchSize)
        let patchScope = root / "x_embedder" / "proj"
        let values = architecture.channels * patch * patch
        patchWeight = patchScope.parameter(
            "weight", shape: [width, architecture.channels, patch, patch],
            .xavierUniform(inputs: values, outputs: width))
        patchBias = patchScope.parameter("bias", shape: [width], .linearDefault(inputs: values))
        time = StepEmbedder(root / "t_embedder", width: width)
        modulation = Linear.narrow(root / "t_block" / 1, inputs: width, outputs: 6 * width)
        text = CaptionEmbedder(
            root / "y_embedder", textWidth: architecture.textWidth, textLength: architecture.textLength,
            hasEmptyRows: architecture.hasEmptyRows, width: width)
        sizes =
            architecture.takesSizes
            ? (
                StepEmbedder(root / "csize_embedder", width: width / 3),
                StepEmbedder(root / "ar_embedder", width: width / 3)
            ) : nil
        blocks = (0..<architecture.depth).map { PixArtBlock(root / "blocks" / $0, architecture, number: $0) }
        let final = root / "final_layer"
        finalTable = final.parameter(
            "scale_shift_table", shape: [2, width], .normal(standardDeviation: 1 / Float(width).squareRoot()))
        finalLinear = Linear.zeros(
            final / "linear", inputs: width, outputs: patch * patch * architecture.outputChannels)
        control = ControlLayers(root, copies: architecture.controlBlocks, width: width) {
            PixArtBlock($0, architecture, number: $1)
        }
    }

    /// The sum of what the step and the sizes give, [B, D].
    ///
    /// - Parameters:
    ///   - steps: B diffusion steps.
    ///   - sizes: B heights and widths in pixels, used by models that are told them.
    func condition(_ steps: [Double], sizes told: [PixArtSize]) -> Tensor {
        let time = time(steps)
        guard let sizes else { return time }
        let batch = steps.count
        // The thirds are those of height, width and ratio.
        let sides = sizes.side(told.flatMap { [$0.height, $0.width] })
        let ratios = sizes.ratio(told.map(\.ratio))
        let width = sides.shape[1]
        let thirds = joinedTokens([sides.reshaped([batch, 2, width]), ratios.reshaped([batch, 1, width])])
        return sum(time, thirds.reshaped([batch, 3 * width]))
    }
}

/// What a PixArt of several sizes is told of an image.
package struct PixArtSize: Sendable {
    /// In pixels.
    var height: Double
    /// In pixels.
    var width: Double
    /// Height over width.
    var ratio: Double

    package init(height: Double, width: Double, ratio: Double) {
        (self.height, self.width, self.ratio) = (height, width, ratio)
    }
}

/// Two layers over the sinusoidal features of a number.
struct StepEmbedder: Sendable {
    private let input: Linear
    private let output: Linear

    init(_ scope: ParameterScope, width: Int) {
        input = Linear.narrow(scope / "mlp" / 0, inputs: 256, outputs: width)
        output = Linear.narrow(scope / "mlp" / 2, inputs: width, outputs: width)
    }

    /// Embeds B numbers, [B, width].
    func callAsFunction(_ numbers: [Double]) -> Tensor {
        output(silu(input(diffusionStepFeatures(numbers))))
    }
}
