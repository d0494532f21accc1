import CPixNerdKernels

/// x / sqrt(mean(x^2) + epsilon) * weight over the last axis (Zhang and Sennrich, arXiv 1910.07467).
///
/// - Parameters:
///   - x: [..., D].
///   - weight: [D].
/// - Returns: [..., D].
public func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float = 1e-6) -> Tensor {
    OperatorProfile.begin("rmsNorm")
    defer { OperatorProfile.end() }
    let width = weight.count
    precondition(
        weight.shape.count == 1 && x.shape.last == width, "rmsNorm: weight \(weight.shape) does not fit x \(x.shape)")
    let out = Tensor(uninitialized: x.shape)
    let rows = x.count / width
    parallelChunks(rows, of: 16) { range in
        let at = range.lowerBound * width
        pn_rms_norm_forward(range.count, width, epsilon, x.pointer + at, weight.pointer, out.storage.pointer + at)
    }
    return Tape.record("rmsNorm", out, from: [x, weight]) { upstream in
        let gradient = Tensor(zeros: x.shape)
        let sums = sumOverTokens(batch: 1, tokens: rows, width: width) { _, range, sums in
            let at = range.lowerBound * width
            pn_rms_norm_backward(
                range.count, width, epsilon, x.pointer + at, weight.pointer, upstream.pointer + at,
                gradient.storage.pointer + at, sums)
        }
        x.node?.add(gradient)
        weight.node?.add(sums.reshaped([width]))
    }
}
