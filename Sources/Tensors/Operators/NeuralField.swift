import CVectorKernels
import Foundation

/// Cosine features of the pixel positions in a patch.
///
/// Products of cos(pi u f) along x and y with frequencies linspace(0, 8, 8), each divided by 1 + fx fy; positions are
/// linspace(0, 1, height) and linspace(0, 1, width), so that a patch with more pixels samples the same square more finely.
/// Pixels row by row; fx varies slowest.
///
/// - Returns: [height * width, frequencies * frequencies].
public func fieldPositions(height: Int, width: Int, frequencies: Int = 8) -> Tensor {
    let bands = (0..<frequencies).map { Float(frequencies) * Float($0) / Float(frequencies - 1) }
    func basis(_ count: Int) -> [[Float]] {
        (0..<count).map { place in
            let position = count == 1 ? 0 : Float(place) / Float(count - 1)
            return bands.map { Float(cos(Double.pi * Double(position) * Double($0))) }
        }
    }
    let (along, down) = (basis(width), basis(height))
    var values: [Float] = []
    for y in 0..<height {
        for x in 0..<width {
            for (i, fx) in bands.enumerated() {
                for (j, fy) in bands.enumerated() { values.append(along[x][i] * down[y][j] / (1 + fx * fy)) }
            }
        }
    }
    return Tensor(values, shape: [height * width, frequencies * frequencies])
}

/// The weights of the neural field that all patches share.
public struct NeuralFieldWeights: Sendable {
    /// [F, C + 64], over the pixel's channels and then its position features.
    public var embedderWeight: Tensor
    /// [F]
    public var embedderBias: Tensor
    /// [F] for each field block.
    public var norms: [Tensor]
    /// [F]
    public var finalNorm: Tensor
    /// [C, F]
    public var finalWeight: Tensor
    /// [C]
    public var finalBias: Tensor

    public init(
        embedderWeight: Tensor, embedderBias: Tensor, norms: [Tensor], finalNorm: Tensor, finalWeight: Tensor,
        finalBias: Tensor
    ) {
        self.embedderWeight = embedderWeight
        self.embedderBias = embedderBias
        self.norms = norms
        self.finalNorm = finalNorm
        self.finalWeight = finalWeight
        self.finalBias = finalBias
    }

    fileprivate var all: [Tensor] { [embedderWeight, embedderBias] + norms + [finalNorm, finalWeight, finalBias] }
}

/// The field: for each patch an MLP whose weights come from the patch's token, from (noisy pixel, position) to velocity.
///
/// All layers of a patch run before the next patch starts, so that everything between stays in the cache; the backward
/// pass computes a patch again. (PixNerd, arXiv 2507.23268, section 3; the columns of both generated matrices have unit
/// length.)
///
/// - Parameters:
///   - pixels: [M, Q, C], the noisy pixels of M patches.
///   - positions: [Q, 64], the same for all patches.
///   - generated: for each block [M, 2 F F r]: a matrix [F, F r], then a matrix [F r, F].
///   - weights: what the patches share.
/// - Returns: [M, Q, C].
public func neuralField(
    _ pixels: Tensor, positions: Tensor, generated: [Tensor], weights: NeuralFieldWeights, epsilon: Float = 1e-6
) -> Tensor {
    OperatorProfile.begin("neuralField")
    defer { OperatorProfile.end() }
    let field = FieldLayout(
        pixels: pixels, positions: positions, generated: generated, weights: weights, epsilon: epsilon)
    let base = field.embeddedPositions(positions, weights)
    switch field.precision {
    case .fp32: return evaluate(Float.self)
    case .bf16: return evaluate(BFloat16.self)
    }

    func evaluate<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let out = Tensor(uninitialized: pixels.shape)
        parallelChunks(field.patches, of: 4) { patches in
            withWorkspace(field.forwardWorkspace) { workspace in
                let plan = FieldForwardPlan(field, workspace)
                for patch in patches {
                    field.embed(pixels, patch, base: base, weights, into: plan.state)
                    for block in generated.indices {
                        field.blockForward(
                            type, generated[block].pointer, patch, norm: weights.norms[block], state: plan.state,
                            normalized: plan.normalized, hidden: plan.hidden, activated: plan.activated,
                            first: plan.first,
                            second: plan.second, reciprocals: plan.reciprocals, firstRoom: plan.first,
                            secondRoom: plan.second)
                    }
                    field.readOut(
                        plan.state, plan.normalized, weights, into: out.storage.pointer + patch * field.pixelCount)
                }
            }
        }
        let held = HeldTensors(generated)
        let nodes = generated.map(\.node)
        return Tape.record("neuralField", out, from: [pixels] + generated + weights.all) { upstream in
            var tensors = held.take()
            neuralFieldBackward(
                type, field, pixels: pixels, positions: positions, base: base, generated: &tensors, weights: weights,
                upstream: upstream)
            for (node, gradient) in zip(nodes, tensors) { node?.add(gradient) }
        }
    }
}

/// Tensors that a derivative holds until it runs, and then lets go of, so that their memory can be written over.
private final class HeldTensors {
    private var tensors: [Tensor]

    init(_ tensors: [Tensor]) { self.tensors = tensors.map(\.detached) }

    func take() -> [Tensor] {
        defer { tensors = [] }
        return tensors
    }
}

/// Sizes of a field, and the steps that forward and backward pass share.
struct FieldLayout {
    let patches: Int
    /// Q, pixels of a patch.
    let pixels: Int
    let channels: Int
    /// F, the width of the field.
    let width: Int
    /// F r, the inner width of a block.
    let inner: Int
    let features: Int
    let blocks: Int
    let epsilon: Float

    init(pixels: Tensor, positions: Tensor, generated: [Tensor], weights: NeuralFieldWeights, epsilon: Float) {
        precondition(
            pixels.shape.count == 3 && positions.shape.count == 2 && positions.shape[0] == pixels.shape[1]
                && weights.embedderWeight.shape[1] == pixels.shape[2] + positions.shape[1]
                && generated.count == weights.norms.count,
            "neuralField: pixels \(pixels.shape), positions \(positions.shape), embedder "
                + "\(weights.embedderWeight.shape), \(generated.count) blocks and \(weights.norms.count) norms do not fit"
        )
        (patches, self.pixels, channels) = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        width = weights.embedderWeight.shape[0]
        let weightCount = generated.first?.shape.last ?? 0
        precondition(
            generated.allSatisfy { $0.shape == [pixels.shape[0], weightCount] }
                && weightCount % (2 * width * width) == 0,
            "neuralField: generated weights \(generated.map(\.shape)) do not fit a width of \(width)")
        inner = weightCount / (2 * width)
        features = positions.shape[1]
        blocks = generated.count
        self.epsilon = epsilon
    }

    /// Of the products with generated weights.
    var precision: Precision { Precision.ofProduct(rows: pixels, columns: inner, inner: width) }
    /// Values in the pixels of one patch.
    var pixelCount: Int { pixels * channels }
    /// Values in the state of one patch.
    var stateCount: Int { pixels * width }
    /// Values in the hidden layer of one patch.
    var hiddenCount: Int { pixels * inner }
    /// Values in one generated matrix.
    var matrixCount: Int { width * inner }
    var forwardWorkspace: Int { 2 * stateCount + 2 * hiddenCount + 2 * matrixCount + inner + width }

    /// c[Q, columns] = a[Q, inner] b[inner, columns] + beta c
    func product<Element: ProductFactor>(
        _ a: UnsafePointer<Element>, _ b: UnsafePointer<Element>, _ inner: Int, _ columns: Int, beta: Float = 0,
        into c: UnsafeMutablePointer<Float>
    ) {
        MatrixProduct.onThisThread(
            rows: pixels, columns: columns, inner: inner, Matrix(a, stride: inner), Matrix(b, stride: columns),
            beta: beta, into: c, stride: columns)
    }

    /// The part of the embedding that is the same for every patch: positions W_p^T + b, [Q, F].
    func embeddedPositions(_ positions: Tensor, _ weights: NeuralFieldWeights) -> Tensor {
        let base = Tensor(uninitialized: [pixels, width])
        for pixel in 0..<pixels {
            (base.storage.pointer + pixel * width).update(from: weights.embedderBias.pointer, count: width)
        }
        MatrixProduct.onThisThread(
            rows: pixels, columns: width, inner: features, Matrix(positions.pointer, stride: features),
            Matrix(weights.embedderWeight.pointer + channels, stride: channels + features, transposed: true), beta: 1,
            into: base.storage.pointer, stride: width)
        return base
    }

    /// state = base + pixels W_c^T
    func embed(
        _ pixels: Tensor, _ patch: Int, base: Tensor, _ weights: NeuralFieldWeights,
        into state: UnsafeMutablePointer<Float>
    ) {
        state.update(from: base.pointer, count: stateCount)
        MatrixProduct.onThisThread(
            rows: self.pixels, columns: width, inner: channels,
            Matrix(pixels.pointer + patch * pixelCount, stride: channels),
            Matrix(weights.embedderWeight.pointer, stride: channels + features, transposed: true), beta: 1,
            into: state, stride: width)
    }

    /// Both matrices of a block with columns of unit length; `reciprocals` gets inner + width factors.
    func normalizeWeights(
        _ generated: UnsafePointer<Float>, _ patch: Int, _ first: UnsafeMutablePointer<Float>,
        _ second: UnsafeMutablePointer<Float>, _ reciprocals: UnsafeMutablePointer<Float>
    ) {
        let raw = generated + patch * 2 * matrixCount
        normalize_columns_forward(width, inner, raw, first, reciprocals)
        normalize_columns_forward(inner, width, raw + matrixCount, second, reciprocals + inner)
    }

    /// One block: state += silu(norm(state) W1) W2, leaving what its derivative needs in the other places: `normalized` and
    /// `activated` rounded in place, and both matrices, which are rounded into their rooms.
    func blockForward<Element: ProductFactor>(
        _ type: Element.Type, _ generated: UnsafePointer<Float>, _ patch: Int, norm: Tensor,
        state: UnsafeMutablePointer<Float>, normalized: UnsafeMutablePointer<Float>,
        hidden: UnsafeMutablePointer<Float>, activated: UnsafeMutablePointer<Float>,
        first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>,
        reciprocals: UnsafeMutablePointer<Float>, firstRoom: UnsafeMutablePointer<Float>,
        secondRoom: UnsafeMutablePointer<Float>
    ) {
        normalizeWeights(generated, patch, first, second, reciprocals)
        rms_norm_forward(pixels, width, epsilon, state, norm.pointer, normalized)
        product(
            type.roundedInPlace(normalized, count: stateCount), type.rounded(first, count: matrixCount, in: firstRoom),
            width, inner, into: hidden)
        silu_forward(hiddenCount, hidden, activated)
        product(
            type.roundedInPlace(activated, count: hiddenCount),
            type.rounded(second, count: matrixCount, in: secondRoom), inner, width, beta: 1, into: state)
    }

    /// out[Q, C] = norm(state) W_f^T + b_f; `normalized` gets norm(state).
    func readOut(
        _ state: UnsafePointer<Float>, _ normalized: UnsafeMutablePointer<Float>, _ weights: NeuralFieldWeights,
        into out: UnsafeMutablePointer<Float>
    ) {
        rms_norm_forward(pixels, width, epsilon, state, weights.finalNorm.pointer, normalized)
        let bias = weights.finalBias.pointer
        for pixel in 0..<pixels { (out + pixel * channels).update(from: bias, count: channels) }
        MatrixProduct.onThisThread(
            rows: pixels, columns: channels, inner: width, Matrix(normalized, stride: width),
            Matrix(weights.finalWeight.pointer, stride: width, transposed: true), beta: 1, into: out, stride: channels)
    }
}

/// Where the forward pass of a patch keeps what it computes.
private struct FieldForwardPlan {
    let state: UnsafeMutablePointer<Float>
    let normalized: UnsafeMutablePointer<Float>
    let hidden: UnsafeMutablePointer<Float>
    let activated: UnsafeMutablePointer<Float>
    let first: UnsafeMutablePointer<Float>
    let second: UnsafeMutablePointer<Float>
    let reciprocals: UnsafeMutablePointer<Float>

    init(_ field: FieldLayout, _ workspace: UnsafeMutablePointer<Float>) {
        state = workspace
        normalized = state + field.stateCount
        hidden = normalized + field.stateCount
        activated = hidden + field.hiddenCount
        first = activated + field.hiddenCount
        second = first + field.matrixCount
        reciprocals = second + field.matrixCount
    }
}
