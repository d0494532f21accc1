import CPixNerdKernels

/// RMSNorm(x) * weight + positions: rows of tokens, each with its learned position.
///
/// - Parameters:
///   - x: [B, N, D].
///   - weight: [D].
///   - positions: [1, N, D].
///   - epsilon: added to the mean of squares under the root.
/// - Returns: [B, N, D].
public func positionedRMSNorm(
    _ x: Tensor, weight: Tensor, positions: Tensor, epsilon: Float = 1e-6
) -> Tensor {
    OperatorProfile.begin("positionedRMSNorm")
    defer { OperatorProfile.end() }
    precondition(
        x.shape.count == 3 && weight.shape == [x.shape[2]] && positions.shape == [1, x.shape[1], x.shape[2]],
        "positionedRMSNorm: x \(x.shape), weight \(weight.shape) and positions \(positions.shape) do not fit")
    let (batch, tokens, width) = (x.shape[0], x.shape[1], x.shape[2])
    let out = Tensor(uninitialized: x.shape)
    parallelFor(batch * tokens) { row in
        let target = out.storage.pointer + row * width
        pn_rms_norm_forward(1, width, epsilon, x.pointer + row * width, weight.pointer, target)
        pn_accumulate(width, positions.pointer + row % tokens * width, target)
    }
    return Tape.record("positionedRMSNorm", out, from: [x, weight, positions]) { upstream in
        let gradient = Tensor(zeros: upstream.shape)
        let sums = sumOverTokens(batch: batch, tokens: tokens, width: width) { picture, range, sums in
            let at = (picture * tokens + range.lowerBound) * width
            pn_rms_norm_backward(
                range.count, width, epsilon, x.pointer + at, weight.pointer, upstream.pointer + at,
                gradient.storage.pointer + at, sums)
        }
        x.node?.add(gradient)
        weight.node?.accumulateFromZero { pn_column_sums(batch, width, width, sums.pointer, $0) }
        positions.node?.accumulateFromZero { pointer in
            addColumnSums(of: upstream.pointer, rows: batch, columns: tokens * width, into: pointer)
        }
    }
}
