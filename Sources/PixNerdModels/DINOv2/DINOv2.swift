import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// DINOv2, a vision transformer whose tokens describe the content of an image (Oquab et al., arXiv 2304.07193).
///
/// It is for inference only, without gradients.
public struct DINOv2: Sendable {
    public let architecture: DINOv2Architecture
    /// A hash of the weights, which identifies the model of cached features.
    public let fingerprint: String
    private let epsilon: Float
    /// [D, 3 P P] and [D]
    private let patchWeight: Tensor
    private let patchBias: Tensor
    /// The class token plus its position embedding, then the registers: [1 + R, D].
    private let leading: Tensor
    /// [G, G, D]
    private let positions: Tensor
    private let blocks: [DINOv2Block]
    private let finalNorm: LayerNormWeights

    /// Images per pass through the blocks: enough for efficient matmuls, few enough to bound memory.
    public static let picturesAtOnce = 8

    /// Loads a model whose tensors have the names of torch.hub or of transformers.
    ///
    /// - Parameters:
    ///   - source: the tensors.
    ///   - heads: number of attention heads; nil for heads of width 64.
    ///   - epsilon: epsilon of the layer norms.
    /// - Throws: `PixNerdError` if the sizes cannot be inferred from the tensors, or `CheckpointMismatch` with all
    ///   missing, unexpected and misshapen tensors.
    public init(loading source: any TensorSource, heads: Int? = nil, epsilon: Float = 1e-6) throws {
        let architecture = try DINOv2Architecture(readFrom: source, heads: heads)
        try self.init(
            architecture, .load(source), epsilon,
            hasMaskToken: source.shape(of: architecture.naming.maskToken) != nil)
    }

    /// Creates a model with random weights, for benchmarks.
    public init(_ architecture: DINOv2Architecture, seed: UInt64) {
        // Only loading throws, initializing never does.
        try! self.init(architecture, .initialize(seed: seed), 1e-6, hasMaskToken: false)
    }

    private init(
        _ architecture: DINOv2Architecture, _ source: ParameterStore.Source, _ epsilon: Float, hasMaskToken: Bool
    ) throws {
        self.architecture = architecture
        self.epsilon = epsilon
        let (layers, parameters) = try ParameterStore.build(source) { root in
            (DINOv2Parameters(root, architecture, hasMaskToken: hasMaskToken), root.parameters)
        }
        var fingerprint = Fingerprint()
        for parameter in parameters {
            fingerprint.add(parameter.name)
            fingerprint.add(parameter.value)
        }
        self.fingerprint = fingerprint.text
        let (width, grid) = (architecture.width, architecture.gridSize)
        patchWeight = layers.patchWeight.value.reshaped([width, layers.patchWeight.value.count / width])
        patchBias = layers.patchBias.value
        let table = layers.positions.value.reshaped([1 + grid * grid, width])
        let classToken = sum(layers.classToken.value.reshaped([1, width]), table.rows(0..<1))
        leading = Tensor.concatenated(
            [classToken] + (layers.registers.map { [$0.value.reshaped([architecture.registers, width])] } ?? []))
        positions = table.rows(1..<1 + grid * grid).reshaped([grid, grid, width])
        blocks = layers.blocks.map { DINOv2Block($0, architecture) }
        finalNorm = layers.finalNorm
    }

    /// The normalised patch tokens of preprocessed images.
    ///
    /// - Parameter x: [B, 3, H, W], normalised; H and W are multiples of the patch size.
    /// - Returns: [B, N, D], patches row by row.
    public func tokens(_ x: Tensor) -> Tensor {
        let batch = x.shape[0]
        return Tensor.concatenated(
            stride(from: 0, to: batch, by: Self.picturesAtOnce).map { start in
                tokensAtOnce(x.rows(start..<min(batch, start + Self.picturesAtOnce)))
            })
    }

    private func tokensAtOnce(_ x: Tensor) -> Tensor {
        finalNorm(droppingTokens(leading.shape[0], of: sequence(x)), epsilon: epsilon)
    }

    /// The normalised class tokens of preprocessed images: one vector that describes each image.
    ///
    /// - Parameter x: [B, 3, H, W], normalised; H and W are multiples of the patch size.
    /// - Returns: [B, D].
    public func classTokens(_ x: Tensor) -> Tensor {
        let (batch, width) = (x.shape[0], architecture.width)
        return Tensor.concatenated(
            stride(from: 0, to: batch, by: Self.picturesAtOnce).map { start in
                let sequence = sequence(x.rows(start..<min(batch, start + Self.picturesAtOnce)))
                let pictures = sequence.shape[0]
                let rows = sequence.reshaped([pictures * sequence.shape[1], width])
                let first = (0..<pictures).map { picture in
                    let row = picture * sequence.shape[1]
                    return rows.rows(row..<row + 1)
                }
                return finalNorm(Tensor.concatenated(first), epsilon: epsilon)
            })
    }

    /// Class token, registers and patch tokens after the last block, [B, 1 + R + N, D].
    private func sequence(_ x: Tensor) -> Tensor {
        let grid = PatchGrid(shape: x.shape, patch: architecture.patchSize)
        let patches = linear(grid.tokens(x), weight: patchWeight, bias: patchBias)
        var tokens = tokenSequence(
            leading: leading, patches: patches, positions: positions(rows: grid.rows, columns: grid.columns))
        for block in blocks { tokens = block(tokens, epsilon: epsilon) }
        return tokens
    }

    /// The position embeddings of a grid of patches, [rows * columns, D].
    private func positions(rows: Int, columns: Int) -> Tensor {
        let side = architecture.gridSize
        let shape = [rows * columns, architecture.width]
        guard rows != side || columns != side else { return positions.reshaped(shape) }
        func scale(_ count: Int) -> Double { (Double(count) + 0.1) / Double(side) }
        let resampling = architecture.positionResampling
        return resizedBicubic(
            grid: positions, rows: rows, columns: columns, kernel: resampling == .antialiased ? .antialiased : .plain,
            scale: resampling == .offset ? (scale(rows), scale(columns)) : nil
        ).reshaped(shape)
    }
}

/// The parameters of a DINOv2 with the layout of its file.
private struct DINOv2Parameters {
    let patchWeight: Parameter
    let patchBias: Parameter
    let classToken: Parameter
    let registers: Parameter?
    let positions: Parameter
    let blocks: [DINOv2BlockParameters]
    let finalNorm: LayerNormWeights

    init(_ root: ParameterScope, _ architecture: DINOv2Architecture, hasMaskToken: Bool) {
        let (width, patch, naming) = (architecture.width, architecture.patchSize, architecture.naming)
        let small = Initializer.normal(standardDeviation: 0.02)
        let embedding = root / naming.patchEmbedding
        patchWeight = embedding.parameter("weight", shape: [width, 3, patch, patch], small)
        patchBias = embedding.parameter("bias", shape: [width], .zeros)
        classToken = root.parameter(naming.classToken, shape: [1, 1, width], small)
        registers =
            architecture.registers > 0
            ? root.parameter(naming.registers, shape: [1, architecture.registers, width], small) : nil
        positions = root.parameter(
            naming.positions, shape: [1, 1 + architecture.gridSize * architecture.gridSize, width], small)
        // Replaces masked patches in DINOv2's own training; not needed for features.
        if hasMaskToken { _ = root.parameter(naming.maskToken, shape: [1, width], .zeros) }
        blocks = (0..<architecture.depth).map { DINOv2BlockParameters(root / naming.blocks / $0, architecture) }
        finalNorm = LayerNormWeights(root / naming.finalNorm, width: width)
    }
}
