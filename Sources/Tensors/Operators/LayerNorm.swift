import CVectorKernels

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
        layer_norm_forward(
            range.count, width, epsilon, x.pointer + at, weight.pointer, bias.pointer, out.storage.pointer + at)
    }
    return Tape.record("layerNorm", out, from: [x, weight, bias]) { upstream in
        let gradient = Tensor(uninitialized: x.shape)
        // Both sums stand side by side: of the upstream, and of the upstream times the normalised x.
        let sums = sumOverTokens(batch: 1, tokens: rows, width: 2 * width) { _, range, sums in
            let at = range.lowerBound * width
            layer_norm_backward(
                range.count, width, epsilon, x.pointer + at, weight.pointer, upstream.pointer + at,
                gradient.storage.pointer + at, sums, sums + width)
        }
        x.node?.add(gradient)
        for (parameter, offset) in [(bias, 0), (weight, width)] {
            parameter.node?.accumulateFromZero { vector_add(width, sums.pointer + offset, $0) }
        }
    }
}
