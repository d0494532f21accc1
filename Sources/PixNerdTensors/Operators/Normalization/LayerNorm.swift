import CPixNerdKernels

/// (x - mean) / sqrt(variance + epsilon) * weight + bias over the last axis (Ba et al., arXiv 1607.06450).
///
/// - Parameters:
///   - x: [..., D].
///   - weight: [D].
///   - bias: [D].
/// - Returns: [..., D].
public func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
    OperatorProfile.begin("layerNorm")
    defer { OperatorProfile.end() }
    let width = x.shape.last!
    precondition(
        weight.shape == [width] && bias.shape == [width],
        "layerNorm: weight \(weight.shape) and bias \(bias.shape) do not fit x \(x.shape)")
    let out = Tensor(uninitialized: x.shape)
    let rows = x.count / width
    parallelChunks(rows, of: 16) { range in
        let at = range.lowerBound * width
        pn_layer_norm_forward(
            range.count, width, epsilon, x.pointer + at, weight.pointer, bias.pointer, out.storage.pointer + at)
    }
    return Tape.record("layerNorm", out, from: [x, weight, bias]) { upstream in
        let gradient = Tensor(uninitialized: x.shape)
        // Two sums side by side: of the upstream gradient, and of the upstream gradient times the normalized x.
        let sums = sumOverTokens(batch: 1, tokens: rows, width: 2 * width) { _, range, sums in
            let at = range.lowerBound * width
            pn_layer_norm_backward(
                range.count, width, epsilon, x.pointer + at, weight.pointer, upstream.pointer + at,
                gradient.storage.pointer + at, sums, sums + width)
        }
        x.node?.add(gradient)
        for (parameter, offset) in [(bias, 0), (weight, width)] {
            parameter.node?.accumulateFromZero { pn_accumulate(width, sums.pointer + offset, $0) }
        }
    }
}

/// (x - mean) / sqrt(variance + epsilon) * (1 + scale) + shift over the last axis, with shift and scale per image and
/// no weights of its own (adaLN: Peebles and Xie, arXiv 2212.09748, section 3.2).
///
/// - Parameters:
///   - x: [B, N, D].
///   - modulation: [B, 2 D], shift and then scale.
/// - Returns: [B, N, D].
public func modulatedLayerNorm(_ x: Tensor, modulation: Tensor, epsilon: Float = 1e-6) -> Tensor {
    modulatedLayerNorm(x, modulation: modulation, parts: 2, shift: 0, scale: 1, epsilon: epsilon)
}

/// (x - mean) / sqrt(variance + epsilon) * (1 + scale) + shift over the last axis, as in a transformer block, whose
/// modulation has six parts (adaLN: Peebles and Xie, arXiv 2212.09748, section 3.2).
///
/// - Parameters:
///   - x: [B, N, D].
///   - modulation: [B, 6 D], six parts of width D.
///   - shift: the part of the modulation that is the shift.
///   - scale: the part of the modulation that is the scale.
/// - Returns: [B, N, D].
public func modulatedLayerNorm(
    _ x: Tensor, modulation: Tensor, shift: ModulationPart, scale: ModulationPart, epsilon: Float = 1e-6
) -> Tensor {
    modulatedLayerNorm(
        x, modulation: modulation, parts: 6, shift: shift.rawValue, scale: scale.rawValue, epsilon: epsilon)
}

/// - Parameters:
///   - parts: number of parts of the modulation, of which `shift` and `scale` are two.
private func modulatedLayerNorm(
    _ x: Tensor, modulation: Tensor, parts: Int, shift: Int, scale: Int, epsilon: Float
) -> Tensor {
    OperatorProfile.begin("modulatedLayerNorm")
    defer { OperatorProfile.end() }
    precondition(
        x.shape.count == 3 && modulation.shape == [x.shape[0], parts * x.shape[2]],
        "modulatedLayerNorm: modulation \(modulation.shape) does not fit x \(x.shape)")
    let (batch, tokens, width) = (x.shape[0], x.shape[1], x.shape[2])
    let factors = Tensor(uninitialized: [batch, width])
    for picture in 0..<batch {
        let scales = modulation.pointer + (parts * picture + scale) * width
        for i in 0..<width { factors.storage.pointer[picture * width + i] = 1 + scales[i] }
    }
    let out = Tensor(uninitialized: x.shape)
    let rowsPerChunk = 16
    let chunks = (tokens + rowsPerChunk - 1) / rowsPerChunk
    parallelFor(batch * chunks) { index in
        let (picture, token) = (index / chunks, index % chunks * rowsPerChunk)
        let at = (picture * tokens + token) * width
        pn_layer_norm_forward(
            min(rowsPerChunk, tokens - token), width, epsilon, x.pointer + at, factors.pointer + picture * width,
            modulation.pointer + (parts * picture + shift) * width, out.storage.pointer + at)
    }
    return Tape.record("modulatedLayerNorm", out, from: [x, modulation]) { upstream in
        let gradient = Tensor(uninitialized: x.shape)
        // Two sums per image, side by side: of the upstream gradient, and of the upstream gradient times the
        // normalized x.
        let sums = sumOverTokens(batch: batch, tokens: tokens, width: 2 * width) { picture, range, sums in
            let at = (picture * tokens + range.lowerBound) * width
            pn_layer_norm_backward(
                range.count, width, epsilon, x.pointer + at, factors.pointer + picture * width, upstream.pointer + at,
                gradient.storage.pointer + at, sums, sums + width)
        }
        x.node?.add(gradient)
        modulation.node?.accumulateFromZero { pointer in
            for picture in 0..<batch {
                for (part, sum) in [(shift, 2 * picture), (scale, 2 * picture + 1)] {
                    pn_accumulate(
                        width, sums.pointer + sum * width, pointer + (parts * picture + part) * width)
                }
            }
        }
    }
}
