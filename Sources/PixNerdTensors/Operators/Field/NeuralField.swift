/// Weights of the neural field that all patches share.
public struct NeuralFieldWeights: Sendable {
    /// [F, I + E], for what is read of a pixel and then its position features.
    public var embedderWeight: Tensor
    /// [F]
    public var embedderBias: Tensor
    /// [F] for each field block.
    public var norms: [Tensor]
    /// [F]; nil for a field whose last layer reads the state as it is.
    public var finalNorm: Tensor?
    /// [C, F]
    public var finalWeight: Tensor
    /// [C]
    public var finalBias: Tensor
    /// Whether the columns of the second generated matrix of a block have unit length, as those of the first have.
    public var normalizesSecond: Bool

    public init(
        embedderWeight: Tensor, embedderBias: Tensor, norms: [Tensor], finalNorm: Tensor?, finalWeight: Tensor,
        finalBias: Tensor, normalizesSecond: Bool = true
    ) {
        self.embedderWeight = embedderWeight
        self.embedderBias = embedderBias
        self.norms = norms
        self.finalNorm = finalNorm
        self.finalWeight = finalWeight
        self.finalBias = finalBias
        self.normalizesSecond = normalizesSecond
    }

    fileprivate var all: [Tensor] {
        [embedderWeight, embedderBias] + norms + [finalNorm].compactMap(\.self) + [finalWeight, finalBias]
    }
}

/// The neural field: for each patch an MLP, with weights generated from the patch's token, that maps (noisy pixel,
/// position) to velocity.
///
/// All layers of a patch run before the next patch starts, so that intermediate values stay in the cache. The backward
/// pass recomputes each patch. (PixNerd, arXiv 2507.23268, section 3. The columns of the generated matrices are
/// normalized to unit length; those of the second can be left as they are, as in the published text-to-image model.)
///
/// - Parameters:
///   - pixels: [M, Q, I], what the field reads of the noisy pixels of M patches: their C channels, or more.
///   - positions: [Q, E], identical for all patches.
///   - generated: for each block [M, 2 F F r]: a matrix [F, F r], then a matrix [F r, F].
///   - weights: weights that the patches share.
/// - Returns: [M, Q, C].
public func neuralField(
    _ pixels: Tensor, positions: Tensor, generated: [Tensor], weights: NeuralFieldWeights, epsilon: Float = 1e-6
) -> Tensor {
    OperatorProfile.begin("neuralField")
    defer { OperatorProfile.end() }
    let field = FieldLayout(
        pixels: pixels, positions: positions, weightCount: generated.first?.shape.last ?? 0, weights: weights,
        epsilon: epsilon)
    precondition(
        generated.count == field.blocks && generated.allSatisfy { $0.shape == [field.patches, field.weightCount] },
        "neuralField: generated weights \(generated.map(\.shape)) do not fit \(field.blocks) blocks of "
            + "\(field.patches) patches")
    let base = field.embeddedPositions(positions, weights)
    func evaluate<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let out = field.evaluate(type, pixels, base: base, generated: generated.map(\.pointer), weights)
        let held = HeldTensors(generated)
        let nodes = generated.map(\.node)
        return Tape.record("neuralField", out, from: [pixels] + generated + weights.all) { upstream in
            var tensors = held.take()
            // A tensor that shares its memory is copied here.
            neuralFieldBackward(
                type, field, pixels: pixels, positions: positions, base: base,
                generated: tensors.indices.map { tensors[$0].uniquePointer() }, weights: weights, upstream: upstream)
            for (node, gradient) in zip(nodes, tensors) { node?.add(gradient) }
        }
    }
    return switch field.precision {
    case .fp32: evaluate(Float.self)
    case .bf16: evaluate(BFloat16.self)
    }
}

/// The linear layer x W^T + b that generates the weights of one block of the field from the token of a patch.
public struct FieldGenerator: Sendable {
    /// [2 F F r, D]
    public var weight: Tensor
    /// [2 F F r]
    public var bias: Tensor

    public init(weight: Tensor, bias: Tensor) { (self.weight, self.bias) = (weight, bias) }
}

/// The neural field with weights generated from tokens.
///
/// In bf16, the generated weights, the largest of all activations, are stored only in bf16, and their gradients
/// overwrite them. Without gradients only those of some patches at a time are stored.
///
/// - Parameters:
///   - pixels: [M, Q, I], what the field reads of the noisy pixels of M patches: their C channels, or more.
///   - positions: [Q, E], identical for all patches.
///   - tokens: [M, D].
///   - generators: the generator of each block.
///   - weights: weights that the patches share.
/// - Returns: [M, Q, C].
public func neuralField(
    _ pixels: Tensor, positions: Tensor, tokens: Tensor, generators: [FieldGenerator], weights: NeuralFieldWeights,
    epsilon: Float = 1e-6
) -> Tensor {
    let (patches, width) = (tokens.shape[0], tokens.shape[1])
    let weightCount = generators.first?.weight.shape[0] ?? 0
    if Tape.current == nil, patches == pixels.shape[0],
        let slice = slice(patches: patches, weightsOfPatch: weightCount * generators.count)
    {
        let out = Tensor(uninitialized: [patches, pixels.shape[1], weights.finalWeight.shape[0]])
        for first in stride(from: 0, to: patches, by: slice) {
            let range = first..<min(patches, first + slice)
            let part = neuralField(
                pixels.rows(range), positions: positions, tokens: tokens.rows(range), generators: generators,
                weights: weights, epsilon: epsilon)
            (out.storage.pointer + first * (out.count / patches)).update(from: part.pointer, count: part.count)
        }
        return out
    }
    guard Precision.ofProduct(rows: patches, columns: weightCount, inner: width) == .bf16 else {
        return neuralField(
            pixels, positions: positions,
            generated: generators.map { linear(tokens, weight: $0.weight, bias: $0.bias) }, weights: weights,
            epsilon: epsilon)
    }
    OperatorProfile.begin("neuralField")
    defer { OperatorProfile.end() }
    let field = FieldLayout(
        pixels: pixels, positions: positions, weightCount: weightCount, weights: weights, epsilon: epsilon)
    precondition(
        tokens.shape.count == 2 && patches == field.patches && generators.count == field.blocks
            && generators.allSatisfy { $0.weight.shape == [weightCount, width] && $0.bias.shape == [weightCount] },
        "neuralField: generators \(generators.map(\.weight.shape)) do not fit tokens \(tokens.shape)")
    let base = field.embeddedPositions(positions, weights)
    let factors = tokens.rounded(to: BFloat16.self)
    let generated = generators.map { generator in
        let storage = RoundedStorage(count: patches * weightCount)
        BFloat16.roundedProduct(
            rows: patches, factors, byWeight: generator.weight, bias: generator.bias, quantizes: false,
            into: storage.pointer)
        return storage
    }
    func evaluate<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let pointers = generated.map { UnsafePointer($0.pointer) }
        let out =
            if field.usesTiles {
                field.evaluateTiles(pixels, base: base, generated: pointers, weights)
            } else if field.precision == .bf16, Precision.packsWeights {
                field.evaluatePacked(pixels, base: base, generated: pointers, weights)
            } else {
                field.evaluate(type, pixels, base: base, generated: pointers, weights)
            }
        let node = tokens.node
        let inputs = [pixels, tokens] + generators.flatMap { [$0.weight, $0.bias] } + weights.all
        return Tape.record("neuralField", out, from: inputs) { upstream in
            neuralFieldBackward(
                type, field, pixels: pixels, positions: positions, base: base, generated: generated.map(\.pointer),
                weights: weights, upstream: upstream)
            for (generator, gradient) in zip(generators, generated) {
                linearBackward(factors, weight: generator.weight, upstream: gradient.elements, rows: patches) {
                    node?.accumulate($0)
                }
                addBiasGradient(generator.bias, gradient.elements, rows: patches)
            }
        }
    }
    return switch field.precision {
    case .fp32: evaluate(Float.self)
    case .bf16: evaluate(BFloat16.self)
    }
}

/// Number of patches whose generated weights, 64 MiB of them at most in float32, exist at a time; nil if it is all of
/// them. Slices are of about the same size.
private func slice(patches: Int, weightsOfPatch: Int) -> Int? {
    let most = max(1, (1 << 24) / weightsOfPatch)
    guard patches > most else { return nil }
    let slices = (patches + most - 1) / most
    return (patches + slices - 1) / slices
}

/// Tensors that a derivative holds until it runs and then releases, so that their memory can be overwritten.
private final class HeldTensors {
    private var tensors: [Tensor]

    init(_ tensors: [Tensor]) { self.tensors = tensors.map(\.detached) }

    func take() -> [Tensor] {
        defer { tensors = [] }
        return tensors
    }
}
