import PixNerdLayers
import PixNerdTensors

/// The layers of a PixNerd under their published names.
struct PixNerdLayers: Sendable {
    let patchEmbedder: Linear
    let timeInput: Linear
    let timeOutput: Linear
    /// [classes + 1, D]; nil for a model of captions.
    let classTable: Parameter?
    /// Nil for a model of classes.
    let captions: CaptionLayers?
    let numberEmbedders: NumberEmbedders
    let valueEmbedders: ValueEmbedders
    let blocks: [DiTBlock]
    let head: Head
    /// Nil without a ControlNet.
    let control: ControlLayers<DiTBlock>?
    /// Embeds the patches of control pictures, or of the pictures that are read beside the noisy pixels; nil without
    /// such.
    let pictureEmbedder: Linear?
    /// The columns of the field's first layer that read the pictures of a ControlNet, [F, J]; nil for none.
    let controlField: Parameter?

    enum Head {
        case field(FieldHead)
        case linear(LinearHead)
    }

    init(_ root: ParameterScope, _ architecture: PixNerdArchitecture) {
        let width = architecture.hiddenSize
        let (isField, field) = (architecture.head == .field, architecture.fieldWidth)
        let patchValues = architecture.channels * architecture.patchSize * architecture.patchSize
        let embedding = Initializer.normal(standardDeviation: 0.02)
        let fieldEmbedder = PixNerdArchitecture.fieldEmbedder(
            architecture.fieldPositions, overlap: architecture.fieldOverlap)
        let pixelEmbedder =
            isField
            ? Linear(root / fieldEmbedder, inputs: architecture.fieldInputs, outputs: field) : nil
        patchEmbedder = Linear(
            root / (isField ? "s_embedder" : "x_embedder") / "proj", inputs: patchValues, outputs: width,
            weightInitializer: .xavierUniform(inputs: patchValues, outputs: width), biasInitializer: .zeros)
        let time = root / "t_embedder" / "mlp"
        timeInput = Linear(time / 0, inputs: 256, outputs: width, weightInitializer: embedding)
        timeOutput = Linear(time / 2, inputs: width, outputs: width, weightInitializer: embedding)
        captions = architecture.captions.map { CaptionLayers(root, $0, width: width) }
        classTable =
            architecture.captions == nil
            ? (root / "y_embedder" / "embedding_table").parameter(
                "weight", shape: [architecture.classes + 1, width], embedding) : nil
        let final = root / "final_layer"
        guard let pixelEmbedder else {
            head = .linear(LinearHead(final, width: width, patchValues: patchValues))
            blocks = (0..<architecture.conditionedBlocks).map { DiTBlock(root / "blocks" / $0, architecture) }
            numberEmbedders = NumberEmbedders(root, architecture.numbers, width: width)
            valueEmbedders = ValueEmbedders(root, count: architecture.values, width: width)
            (control, pictureEmbedder) = Self.shown(root, architecture, patchValues: patchValues)
            controlField = nil
            return
        }
        let finalNorm = RMSNormWeight(final / "norm", width: field)
        let finalLinear = Linear(
            final / "linear", inputs: field, outputs: architecture.channels, weightInitializer: .zeros,
            biasInitializer: .zeros)
        blocks = (0..<architecture.conditionedBlocks).map { DiTBlock(root / "blocks" / $0, architecture) }
        head = .field(
            FieldHead(
                pixelEmbedder: pixelEmbedder, finalNorm: finalNorm, finalLinear: finalLinear,
                blocks: (architecture.conditionedBlocks..<architecture.blocks).map { index in
                    FieldHead.Block(
                        root / "blocks" / index, tokenWidth: width, fieldWidth: field,
                        fieldRatio: architecture.fieldRatio)
                }))
        // Last, so that the other weights of a seed do not depend on what the model is told and shown.
        numberEmbedders = NumberEmbedders(root, architecture.numbers, width: width)
        valueEmbedders = ValueEmbedders(root, count: architecture.values, width: width)
        (control, pictureEmbedder) = Self.shown(root, architecture, patchValues: patchValues)
        controlField =
            architecture.controlsFields
            ? (root / ControlNames.field).parameter("weight", shape: [field, architecture.controlReads], .zeros) : nil
    }

    /// A ControlNet, and the layer that embeds the patches of pictures.
    private static func shown(
        _ root: ParameterScope, _ architecture: PixNerdArchitecture, patchValues: Int
    ) -> (ControlLayers<DiTBlock>?, Linear?) {
        let width = architecture.hiddenSize
        let copies = ControlLayers(root, copies: architecture.controlBlocks, width: width) { scope, _ in
            DiTBlock(scope, architecture)
        }
        guard let copies else {
            let values = architecture.pictureChannels * architecture.patchSize * architecture.patchSize
            guard values > 0 else { return (nil, nil) }
            return (nil, Linear.zeros(root / PixNerdArchitecture.pictureEmbedder, inputs: values, outputs: width))
        }
        return (copies, Linear.xavier(root / "control_embedder" / "proj", inputs: patchValues, outputs: width))
    }
}

/// The head that turns each token into its patch with one matrix (Peebles and Xie, arXiv 2212.09748, section 3.2).
struct LinearHead: Sendable {
    private let modulation: Linear
    private let linear: Linear

    init(_ scope: ParameterScope, width: Int, patchValues: Int) {
        modulation = Linear(
            scope / "adaLN_modulation" / 0, inputs: width, outputs: 2 * width, weightInitializer: .zeros,
            biasInitializer: .zeros)
        linear = Linear(
            scope / "linear", inputs: width, outputs: patchValues, weightInitializer: .zeros, biasInitializer: .zeros)
    }

    /// - Parameters:
    ///   - tokens: [B, N, D].
    ///   - condition: [B, D].
    /// - Returns: [B, N, C P P], each patch channel by channel.
    func callAsFunction(_ tokens: Tensor, condition: Tensor) -> Tensor {
        linear(modulatedLayerNorm(tokens, modulation: modulation(condition)))
    }
}
