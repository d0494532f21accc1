import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// DINOv2, a vision transformer whose patch tokens say what a picture shows (Oquab et al., arXiv 2304.07193).
///
/// It only gives features: nothing in it gathers gradients.
public struct DINOv2: Sendable {
    public let architecture: DINOv2Architecture
    /// A short name for all weights, by which features that were computed earlier are known to be of this model.
    public let fingerprint: String
    private let epsilon: Float
    /// [D, 3 P P] and [D]
    private let patchWeight: Tensor
    private let patchBias: Tensor
    /// The class token with its position, and the registers: [1 + R, D].
    private let leading: Tensor
    /// [G, G, D]
    private let positions: Tensor
    private let blocks: [DINOv2Block]
    private let finalNorm: LayerNormWeights

    /// Pictures that go through the blocks at once: enough for large products, without memory for more.
    public static let picturesAtOnce = 8

    /// The model of a file, with either naming.
    ///
    /// - Parameters:
    ///   - heads: how many there are where that is known; nil for heads of 64.
    ///   - epsilon: of the norms.
    /// - Throws: `ArchitectureError` where the sizes cannot be read off the tensors; `CheckpointMismatch` with all
    ///   missing, left-over and misshapen tensors.
    public init(loading source: any TensorSource, heads: Int? = nil, epsilon: Float = 1e-6) throws {
        let architecture = try DINOv2Architecture(readFrom: source, heads: heads)
        try self.init(
            architecture, .load(source), epsilon,
            hasMaskToken: source.shape(of: architecture.naming.maskToken) != nil)
    }

    /// A model of random weights, for benchmarks.
    public init(_ architecture: DINOv2Architecture, seed: UInt64) {
        // Initialising never throws: only loading does.
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

    /// The normalised patch tokens of pictures that are prepared already.
    ///
    /// - Parameter x: [B, 3, H, W], normalised; the patch divides H and W.
    /// - Returns: [B, N, D], row by row.
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

    /// The normalised class token of pictures that are prepared already: what a picture shows, in one vector.
    ///
    /// - Parameter x: as above.
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

    /// Class token, registers and patches behind the last block, [B, 1 + R + N, D].
    private func sequence(_ x: Tensor) -> Tensor {
        let grid = PatchGrid(shape: x.shape, patch: architecture.patchSize)
        let patches = linear(grid.tokens(x), weight: patchWeight, bias: patchBias)
        var tokens = tokenSequence(
            leading: leading, patches: patches, positions: positions(rows: grid.rows, columns: grid.columns))
        for block in blocks { tokens = block(tokens, epsilon: epsilon) }
        return tokens
    }

    /// The position embeddings of a grid: [rows * columns, D].
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

/// The parameters of a DINOv2 as a file has them.
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
        // Stands for hidden patches in DINOv2's own training; features do not need it.
        if hasMaskToken { _ = root.parameter(naming.maskToken, shape: [1, width], .zeros) }
        blocks = (0..<architecture.depth).map { DINOv2BlockParameters(root / naming.blocks / $0, architecture) }
        finalNorm = LayerNormWeights(root / naming.finalNorm, width: width)
    }
}
