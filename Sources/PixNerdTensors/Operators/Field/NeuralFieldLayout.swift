import CPixNerdKernels

/// The sizes of a field, and the steps that its forward and backward passes share.
struct FieldLayout {
    let patches: Int
    /// Q, number of pixels of a patch.
    let pixels: Int
    /// Values that the field reads of a pixel.
    let inputs: Int
    /// C, values that it returns for a pixel.
    let channels: Int
    /// F, the width of the field.
    let width: Int
    /// F r, the inner width of a block.
    let inner: Int
    let features: Int
    let blocks: Int
    /// Whether the columns of the second matrix of a block are normalized, as those of the first are.
    let normalizesSecond: Bool
    let epsilon: Float

    /// - Parameter weightCount: number of generated weights per patch and block.
    init(pixels: Tensor, positions: Tensor, weightCount: Int, weights: NeuralFieldWeights, epsilon: Float) {
        precondition(
            pixels.shape.count == 3 && positions.shape.count == 2 && positions.shape[0] == pixels.shape[1]
                && weights.embedderWeight.shape[1] == pixels.shape[2] + positions.shape[1],
            "neuralField: pixels \(pixels.shape), positions \(positions.shape) and embedder "
                + "\(weights.embedderWeight.shape) do not fit")
        (patches, self.pixels, inputs) = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        channels = weights.finalWeight.shape[0]
        width = weights.embedderWeight.shape[0]
        precondition(
            weightCount % (2 * width * width) == 0,
            "neuralField: \(weightCount) generated weights per patch do not fit a width of \(width)")
        inner = weightCount / (2 * width)
        features = positions.shape[1]
        blocks = weights.norms.count
        normalizesSecond = weights.normalizesSecond
        self.epsilon = epsilon
    }

    /// Number of generated weights per patch and block.
    var weightCount: Int { 2 * matrixCount }
    /// Precision of the matmuls with generated weights.
    var precision: MatmulType { Precision.ofProduct(rows: pixels, columns: inner, inner: width) }
    /// Values that the field reads of one patch.
    var inputCount: Int { pixels * inputs }
    /// Values that the field returns for one patch.
    var outputCount: Int { pixels * channels }
    /// Shape of the field's result, [M, Q, C].
    var outputShape: [Int] { [patches, pixels, channels] }
    /// Elements in the state of one patch.
    var stateCount: Int { pixels * width }
    /// Elements in the hidden layer of one patch.
    var hiddenCount: Int { pixels * inner }
    /// Elements in one generated matrix.
    var matrixCount: Int { width * inner }
    var forwardWorkspace: Int { 2 * stateCount + 2 * hiddenCount + 4 * matrixCount + inner + width }

    /// Computes c[Q, columns] = a[Q, inner] b[inner, columns] + beta c.
    func product<Element: ProductFactor>(
        _ a: UnsafePointer<Element>, _ b: UnsafePointer<Element>, _ inner: Int, _ columns: Int, beta: Float = 0,
        into c: UnsafeMutablePointer<Float>
    ) {
        MatrixProduct.onThisThread(
            rows: pixels, columns: columns, inner: inner, Matrix(a, stride: inner), Matrix(b, stride: columns),
            beta: beta, into: c, stride: columns)
    }

    /// The part of the embedding that is identical for all patches: positions W_p^T + b, [Q, F].
    func embeddedPositions(_ positions: Tensor, _ weights: NeuralFieldWeights) -> Tensor {
        let base = Tensor(uninitialized: [pixels, width])
        for pixel in 0..<pixels {
            (base.storage.pointer + pixel * width).update(from: weights.embedderBias.pointer, count: width)
        }
        MatrixProduct.onThisThread(
            rows: pixels, columns: width, inner: features, Matrix(positions.pointer, stride: features),
            Matrix(weights.embedderWeight.pointer + inputs, stride: inputs + features, transposed: true), beta: 1,
            into: base.storage.pointer, stride: width)
        return base
    }

    /// Computes state = base + pixels W_c^T for one patch.
    func embed(
        _ pixels: Tensor, _ patch: Int, base: Tensor, _ weights: NeuralFieldWeights,
        into state: UnsafeMutablePointer<Float>
    ) {
        state.update(from: base.pointer, count: stateCount)
        MatrixProduct.onThisThread(
            rows: self.pixels, columns: width, inner: inputs,
            Matrix(pixels.pointer + patch * inputCount, stride: inputs),
            Matrix(weights.embedderWeight.pointer, stride: inputs + features, transposed: true), beta: 1,
            into: state, stride: width)
    }

    /// Normalizes the columns of the matrices of a block to unit length; a second matrix that is not normalized is
    /// copied.
    ///
    /// - Parameters:
    ///   - reciprocals: gets inner factors, and width more if the second matrix is normalized.
    ///   - room: scratch memory for the generated weights of a patch.
    func normalizeWeights<Source: ProductFactor>(
        _ generated: UnsafePointer<Source>, _ patch: Int, _ first: UnsafeMutablePointer<Float>,
        _ second: UnsafeMutablePointer<Float>, _ reciprocals: UnsafeMutablePointer<Float>,
        room: UnsafeMutablePointer<Float>
    ) {
        let raw = Source.widened(generated + patch * weightCount, count: weightCount, in: room)
        pn_normalize_columns_forward(width, inner, raw, first, reciprocals)
        if normalizesSecond {
            pn_normalize_columns_forward(inner, width, raw + matrixCount, second, reciprocals + inner)
        } else {
            second.update(from: raw + matrixCount, count: matrixCount)
        }
    }

    /// Computes one block: state += silu(norm(state) W1) W2. The other arguments then hold what the derivative needs.
    ///
    /// - Parameters:
    ///   - normalized, activated: get norm(state) and the activated hidden layer, converted in place.
    ///   - hidden: gets the hidden layer before its activation.
    ///   - first, second: W1 and W2.
    ///   - firstRoom, secondRoom: scratch memory for W1 and W2 converted to the type.
    func blockForward<Element: ProductFactor>(
        _ type: Element.Type, norm: Tensor, state: UnsafeMutablePointer<Float>,
        normalized: UnsafeMutablePointer<Float>, hidden: UnsafeMutablePointer<Float>,
        activated: UnsafeMutablePointer<Float>, first: UnsafeMutablePointer<Float>,
        second: UnsafeMutablePointer<Float>, firstRoom: UnsafeMutablePointer<Float>,
        secondRoom: UnsafeMutablePointer<Float>
    ) {
        pn_rms_norm_forward(pixels, width, epsilon, state, norm.pointer, normalized)
        product(
            type.roundedInPlace(normalized, count: stateCount), type.rounded(first, count: matrixCount, in: firstRoom),
            width, inner, into: hidden)
        pn_silu_forward(hiddenCount, hidden, activated)
        product(
            type.roundedInPlace(activated, count: hiddenCount),
            type.rounded(second, count: matrixCount, in: secondRoom), inner, width, beta: 1, into: state)
    }

    /// Evaluates the field for all patches.
    ///
    /// - Parameters:
    ///   - pixels: [M, Q, I].
    ///   - base: [Q, F], from `embeddedPositions`.
    ///   - generated: for each block, [M, 2 F F r].
    /// - Returns: the velocities, [M, Q, C].
    func evaluate<Element: ProductFactor, Source: ProductFactor>(
        _ type: Element.Type, _ pixels: Tensor, base: Tensor, generated: [UnsafePointer<Source>],
        _ weights: NeuralFieldWeights
    ) -> Tensor {
        let out = Tensor(uninitialized: outputShape)
        parallelChunks(patches, of: 4) { patches in
            withWorkspace(forwardWorkspace) { workspace in
                let plan = FieldForwardPlan(self, workspace)
                for patch in patches {
                    embed(pixels, patch, base: base, weights, into: plan.state)
                    for (block, generated) in generated.enumerated() {
                        normalizeWeights(
                            generated, patch, plan.first, plan.second, plan.reciprocals, room: plan.generated)
                        blockForward(
                            type, norm: weights.norms[block], state: plan.state, normalized: plan.normalized,
                            hidden: plan.hidden, activated: plan.activated, first: plan.first, second: plan.second,
                            firstRoom: plan.first, secondRoom: plan.second)
                    }
                    readOut(plan.state, plan.normalized, weights, into: out.storage.pointer + patch * outputCount)
                }
            }
        }
        return out
    }

    /// What the last layer reads: norm(state), written to `normalized`, or the state itself without a last norm.
    func finalInput(
        _ state: UnsafePointer<Float>, _ normalized: UnsafeMutablePointer<Float>, _ weights: NeuralFieldWeights
    ) -> UnsafePointer<Float> {
        guard let norm = weights.finalNorm else { return state }
        pn_rms_norm_forward(pixels, width, epsilon, state, norm.pointer, normalized)
        return UnsafePointer(normalized)
    }

    /// Computes out[Q, C] = norm(state) W_f^T + b_f. `normalized` is scratch memory of the size of the state.
    func readOut(
        _ state: UnsafePointer<Float>, _ normalized: UnsafeMutablePointer<Float>, _ weights: NeuralFieldWeights,
        into out: UnsafeMutablePointer<Float>
    ) {
        let input = finalInput(state, normalized, weights)
        let bias = weights.finalBias.pointer
        for pixel in 0..<pixels { (out + pixel * channels).update(from: bias, count: channels) }
        MatrixProduct.onThisThread(
            rows: pixels, columns: channels, inner: width, Matrix(input, stride: width),
            Matrix(weights.finalWeight.pointer, stride: width, transposed: true), beta: 1, into: out, stride: channels)
    }
}

/// The scratch memory of the forward pass of a patch.
private struct FieldForwardPlan {
    let state: UnsafeMutablePointer<Float>
    let normalized: UnsafeMutablePointer<Float>
    let hidden: UnsafeMutablePointer<Float>
    let activated: UnsafeMutablePointer<Float>
    let first: UnsafeMutablePointer<Float>
    let second: UnsafeMutablePointer<Float>
    let generated: UnsafeMutablePointer<Float>
    let reciprocals: UnsafeMutablePointer<Float>

    init(_ field: FieldLayout, _ workspace: UnsafeMutablePointer<Float>) {
        state = workspace
        normalized = state + field.stateCount
        hidden = normalized + field.stateCount
        activated = hidden + field.hiddenCount
        first = activated + field.hiddenCount
        second = first + field.matrixCount
        generated = second + field.matrixCount
        reciprocals = generated + field.weightCount
    }
}
