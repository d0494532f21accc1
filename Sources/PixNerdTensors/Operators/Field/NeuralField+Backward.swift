import CPixNerdKernels

/// Adds the gradients of all inputs of `neuralField`. Only the gradients of the generated weights, the largest tensors
/// of a small model, overwrite these weights instead.
func neuralFieldBackward<Element: ProductFactor, Source: ProductFactor>(
    _ type: Element.Type, _ field: FieldLayout, pixels: Tensor, positions: Tensor, base: Tensor,
    generated: [UnsafeMutablePointer<Source>], weights: NeuralFieldWeights, upstream: Tensor
) {
    let pixelGradient = pixels.node == nil ? nil : Tensor(uninitialized: pixels.shape)
    // Shared gradients are summed by chunks of patches, whose size does not depend on the number of threads, and the
    // chunks are added in order, so that the bits are always the same.
    let patchesPerChunk = max(1, (field.patches + 31) / 32)
    let chunks = (field.patches + patchesPerChunk - 1) / patchesPerChunk
    let sums = SharedFieldGradients(field)
    let partial = Tensor(zeros: [chunks, sums.count])
    parallelFor(chunks) { chunk in
        withWorkspace(FieldBackwardPlan<Element, Source>.workspace(field)) { workspace in
            let plan = FieldBackwardPlan<Element, Source>(
                field, workspace, shared: partial.storage.pointer + chunk * sums.count)
            let last = min(field.patches, (chunk + 1) * patchesPerChunk)
            for patch in chunk * patchesPerChunk..<last {
                plan.recompute(pixels, patch, base: base, generated: generated, weights)
                plan.readOutBackward(weights, upstream.pointer + patch * field.outputCount)
                for block in generated.indices.reversed() {
                    plan.blockBackward(block, generated[block], patch, weights)
                }
                plan.embedBackward(
                    pixels, patch, weights,
                    into: pixelGradient.map { $0.storage.pointer + patch * field.inputCount })
            }
        }
    }
    if let pixelGradient { pixels.node?.add(pixelGradient) }
    let total = Tensor(zeros: [sums.count])
    addColumnSums(of: partial.pointer, rows: chunks, columns: sums.count, into: total.storage.pointer)
    sums.distribute(total, positions: positions, weights: weights)
}

/// The offsets of the shared gradients in a row of partial sums.
private struct SharedFieldGradients {
    let field: FieldLayout
    /// Gradient of the embedded state, summed over patches, [Q, F].
    let state = 0
    /// [F, I]
    let pixelWeight: Int
    /// [blocks, F]
    let norms: Int
    /// [F], unused without a last norm.
    let finalNorm: Int
    /// [C, F]
    let finalWeight: Int
    /// [C]
    let finalBias: Int
    let count: Int

    init(_ field: FieldLayout) {
        self.field = field
        pixelWeight = field.stateCount
        norms = pixelWeight + field.width * field.inputs
        finalNorm = norms + field.blocks * field.width
        finalWeight = finalNorm + field.width
        finalBias = finalWeight + field.channels * field.width
        count = finalBias + field.channels
    }

    func distribute(_ total: Tensor, positions: Tensor, weights: NeuralFieldWeights) {
        let sums = total.pointer
        let (width, inputs, channels, features) = (field.width, field.inputs, field.channels, field.features)
        weights.embedderWeight.node?.accumulate { pointer, beta in
            for row in 0..<width {
                for input in 0..<inputs {
                    let at = row * (inputs + features) + input
                    pointer[at] = (beta == 0 ? 0 : pointer[at]) + sums[pixelWeight + row * inputs + input]
                }
            }
            MatrixProduct.onThisThread(
                rows: width, columns: features, inner: field.pixels,
                Matrix(sums + state, stride: width, transposed: true), Matrix(positions.pointer, stride: features),
                beta: beta, into: pointer + inputs, stride: inputs + features)
        }
        weights.embedderBias.node?.accumulateFromZero { pointer in
            pn_column_sums(field.pixels, width, width, sums + state, pointer)
        }
        for (block, norm) in weights.norms.enumerated() {
            norm.node?.accumulateFromZero { pn_accumulate(width, sums + norms + block * width, $0) }
        }
        weights.finalNorm?.node?.accumulateFromZero { pn_accumulate(width, sums + finalNorm, $0) }
        weights.finalWeight.node?.accumulateFromZero { pn_accumulate(channels * width, sums + finalWeight, $0) }
        weights.finalBias.node?.accumulateFromZero { pn_accumulate(channels, sums + finalBias, $0) }
    }
}

/// The backward pass of one patch at a time, in scratch memory of one thread.
private struct FieldBackwardPlan<Element: ProductFactor, Source: ProductFactor> {
    let field: FieldLayout
    let sums: SharedFieldGradients
    let shared: UnsafeMutablePointer<Float>
    /// State before each block and after the last, [blocks + 1, Q, F].
    let states: UnsafeMutablePointer<Float>
    /// Hidden layer of each block before its activation, [blocks, Q, F r].
    let hiddens: UnsafeMutablePointer<Float>
    let normalized: UnsafeMutablePointer<Float>
    let normalizedGradient: UnsafeMutablePointer<Float>
    let stateGradient: UnsafeMutablePointer<Float>
    let activated: UnsafeMutablePointer<Float>
    let activatedGradient: UnsafeMutablePointer<Float>
    let first: UnsafeMutablePointer<Float>
    let second: UnsafeMutablePointer<Float>
    let matrixGradient: UnsafeMutablePointer<Float>
    /// Scratch memory for both matrices and the gradient of the state, converted to the type of matmul inputs.
    let firstRoom: UnsafeMutablePointer<Float>
    let secondRoom: UnsafeMutablePointer<Float>
    let gradientRoom: UnsafeMutablePointer<Float>
    /// Scratch memory for the generated weights of a patch for one block, and then for their gradients.
    let generatedRoom: UnsafeMutablePointer<Float>
    let reciprocals: UnsafeMutablePointer<Float>
    let dots: UnsafeMutablePointer<Float>

    static func workspace(_ field: FieldLayout) -> Int {
        (field.blocks + 5) * field.stateCount + (field.blocks + 2) * field.hiddenCount + 7 * field.matrixCount
            + 2 * (field.inner + field.width)
    }

    init(_ field: FieldLayout, _ workspace: UnsafeMutablePointer<Float>, shared: UnsafeMutablePointer<Float>) {
        self.field = field
        self.shared = shared
        sums = SharedFieldGradients(field)
        states = workspace
        hiddens = states + (field.blocks + 1) * field.stateCount
        normalized = hiddens + field.blocks * field.hiddenCount
        normalizedGradient = normalized + field.stateCount
        stateGradient = normalizedGradient + field.stateCount
        activated = stateGradient + field.stateCount
        activatedGradient = activated + field.hiddenCount
        first = activatedGradient + field.hiddenCount
        second = first + field.matrixCount
        matrixGradient = second + field.matrixCount
        firstRoom = matrixGradient + field.matrixCount
        secondRoom = firstRoom + field.matrixCount
        gradientRoom = secondRoom + field.matrixCount
        generatedRoom = gradientRoom + field.stateCount
        reciprocals = generatedRoom + field.weightCount
        dots = reciprocals + field.inner + field.width
    }

    func state(_ block: Int) -> UnsafeMutablePointer<Float> { states + block * field.stateCount }
    func hidden(_ block: Int) -> UnsafeMutablePointer<Float> { hiddens + block * field.hiddenCount }

    /// The generated weights of a patch for the kernels over tiles; nil if these do not run.
    private func generatedInBFloat16(
        _ generated: UnsafeMutablePointer<Source>, _ patch: Int
    ) -> UnsafeMutableRawPointer? {
        guard Source.self == BFloat16.self, field.usesTiles else { return nil }
        return UnsafeMutableRawPointer(generated + patch * field.weightCount)
    }

    /// Repeats the forward pass, keeping the states and the hidden layers.
    func recompute(
        _ pixels: Tensor, _ patch: Int, base: Tensor, generated: [UnsafeMutablePointer<Source>],
        _ weights: NeuralFieldWeights
    ) {
        field.embed(pixels, patch, base: base, weights, into: state(0))
        for block in generated.indices {
            state(block + 1).update(from: state(block), count: field.stateCount)
            if let raw = generatedInBFloat16(generated[block], patch) {
                field.withTileScratch { kernel, scratch in
                    pn_tile_field_forward(kernel, raw, weights.norms[block].pointer, state(block + 1), scratch)
                }
                OperatorProfile.count(multiplyAdds: 2 * field.pixels * field.matrixCount)
                continue
            }
            field.normalizeWeights(generated[block], patch, first, second, reciprocals, room: generatedRoom)
            field.blockForward(
                Element.self, norm: weights.norms[block], state: state(block + 1), normalized: normalized,
                hidden: hidden(block), activated: activated, first: first, second: second, firstRoom: firstRoom,
                secondRoom: secondRoom)
        }
    }

    /// Computes the gradient of the last state from the gradient of the velocities [Q, C].
    func readOutBackward(_ weights: NeuralFieldWeights, _ upstream: UnsafePointer<Float>) {
        let (count, width, channels) = (field.pixels, field.width, field.channels)
        let last = state(field.blocks)
        let input = field.finalInput(last, normalized, weights)
        MatrixProduct.onThisThread(
            rows: channels, columns: width, inner: count, Matrix(upstream, stride: channels, transposed: true),
            Matrix(input, stride: width), beta: 1, into: shared + sums.finalWeight, stride: width)
        pn_column_sums(count, channels, channels, upstream, shared + sums.finalBias)
        guard let norm = weights.finalNorm else {
            field.product(upstream, weights.finalWeight.pointer, channels, width, into: stateGradient)
            return
        }
        field.product(upstream, weights.finalWeight.pointer, channels, width, into: normalizedGradient)
        stateGradient.update(repeating: 0, count: field.stateCount)
        pn_rms_norm_backward(
            count, width, field.epsilon, last, norm.pointer, normalizedGradient, stateGradient,
            shared + sums.finalNorm)
    }

    /// Computes the gradient of the state before a block from the gradient of the state after it. The gradient of the
    /// block's generated weights overwrites these weights, after their last use.
    func blockBackward(
        _ block: Int, _ generated: UnsafeMutablePointer<Source>, _ patch: Int, _ weights: NeuralFieldWeights
    ) {
        if let raw = generatedInBFloat16(generated, patch) {
            field.withTileScratch { kernel, scratch in
                pn_tile_field_backward(
                    kernel, raw, weights.norms[block].pointer, state(block), stateGradient,
                    shared + sums.norms + block * field.width, scratch)
            }
            OperatorProfile.count(multiplyAdds: 5 * field.pixels * field.matrixCount)
            return
        }
        let place = generated + patch * field.weightCount
        let gradient = Source.place(place, or: generatedRoom)
        let (count, width, inner) = (field.pixels, field.width, field.inner)
        // The last block's matrices and activation are still there from `recompute`.
        if block != field.blocks - 1 {
            field.normalizeWeights(generated, patch, first, second, reciprocals, room: generatedRoom)
            pn_silu_forward(field.hiddenCount, hidden(block), activated)
            _ = Element.roundedInPlace(activated, count: field.hiddenCount)
        }
        pn_rms_norm_forward(count, width, field.epsilon, state(block), weights.norms[block].pointer, normalized)
        let roundedStateGradient = Element.rounded(stateGradient, count: field.stateCount, in: gradientRoom)
        weightGradient(
            Element.inPlace(activated), inner, roundedStateGradient, width,
            normalizedBy: field.normalizesSecond ? (second, reciprocals + inner) : nil, gradient + field.matrixCount)
        productWithTransposed(
            roundedStateGradient, width, Element.rounded(second, count: field.matrixCount, in: secondRoom), inner,
            into: activatedGradient)
        pn_silu_backward(field.hiddenCount, hidden(block), activatedGradient)
        let hiddenGradient = Element.roundedInPlace(activatedGradient, count: field.hiddenCount)
        weightGradient(
            Element.roundedInPlace(normalized, count: field.stateCount), width, hiddenGradient, inner,
            normalizedBy: (first, reciprocals), gradient)
        productWithTransposed(
            hiddenGradient, inner, Element.rounded(first, count: field.matrixCount, in: firstRoom), width,
            into: normalizedGradient)
        pn_rms_norm_backward(
            count, width, field.epsilon, state(block), weights.norms[block].pointer, normalizedGradient,
            stateGradient, shared + sums.norms + block * width)
        _ = Source.rounded(
            gradient, count: field.weightCount, in: UnsafeMutableRawPointer(place).assumingMemoryBound(to: Float.self))
    }

    /// Computes the gradient of the raw weights [rows, columns] from the input [Q, rows] and the gradient of the output
    /// [Q, columns].
    ///
    /// - Parameter normalization: the normalized weights and the factors of their columns; nil for weights that are not
    ///   normalized.
    private func weightGradient(
        _ input: UnsafePointer<Element>, _ rows: Int, _ upstream: UnsafePointer<Element>, _ columns: Int,
        normalizedBy normalization: (matrix: UnsafeMutablePointer<Float>, reciprocals: UnsafeMutablePointer<Float>)?,
        _ gradient: UnsafeMutablePointer<Float>
    ) {
        MatrixProduct.onThisThread(
            rows: rows, columns: columns, inner: field.pixels, Matrix(input, stride: rows, transposed: true),
            Matrix(upstream, stride: columns), beta: 0, into: normalization == nil ? gradient : matrixGradient,
            stride: columns)
        guard let (matrix, reciprocals) = normalization else { return }
        pn_normalize_columns_backward(rows, columns, matrix, reciprocals, matrixGradient, dots, gradient)
    }

    /// Computes out[Q, rows] = upstream[Q, columns] matrix[rows, columns]^T.
    private func productWithTransposed(
        _ upstream: UnsafePointer<Element>, _ columns: Int, _ matrix: UnsafePointer<Element>, _ rows: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        MatrixProduct.onThisThread(
            rows: field.pixels, columns: rows, inner: columns, Matrix(upstream, stride: columns),
            Matrix(matrix, stride: columns, transposed: true), beta: 0, into: out, stride: rows)
    }

    /// Adds the gradient of the embedding to the sums, and writes the gradient of the pixels unless that is nil.
    func embedBackward(
        _ pixels: Tensor, _ patch: Int, _ weights: NeuralFieldWeights, into gradient: UnsafeMutablePointer<Float>?
    ) {
        let (count, width, inputs) = (field.pixels, field.width, field.inputs)
        pn_accumulate(field.stateCount, stateGradient, shared + sums.state)
        MatrixProduct.onThisThread(
            rows: width, columns: inputs, inner: count, Matrix(stateGradient, stride: width, transposed: true),
            Matrix(pixels.pointer + patch * field.inputCount, stride: inputs), beta: 1,
            into: shared + sums.pixelWeight, stride: inputs)
        guard let gradient else { return }
        MatrixProduct.onThisThread(
            rows: count, columns: inputs, inner: width, Matrix(stateGradient, stride: width),
            Matrix(weights.embedderWeight.pointer, stride: inputs + field.features), beta: 0, into: gradient,
            stride: inputs)
    }
}
