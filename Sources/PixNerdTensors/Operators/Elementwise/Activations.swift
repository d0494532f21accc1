import CPixNerdKernels

/// x sigmoid(x), element by element.
public func silu(_ x: Tensor) -> Tensor {
    activation("silu", x, forward: pn_silu_forward, backward: pn_silu_backward)
}

/// x P(N < x) for a standard normal N, element by element: the exact form, not the tanh approximation.
///
/// (Hendrycks and Gimpel, arXiv 1606.08415.)
public func gelu(_ x: Tensor) -> Tensor {
    activation("gelu", x, forward: pn_gelu_forward, backward: pn_gelu_backward)
}

/// The tanh approximation of `gelu`, element by element: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
///
/// (Hendrycks and Gimpel, arXiv 1606.08415.) `torch.nn.functional.gelu(approximate="tanh")` is the same function.
public func tanhGELU(_ x: Tensor) -> Tensor {
    activation("tanhGELU", x, forward: pn_tanh_gelu_forward, backward: pn_tanh_gelu_backward)
}

/// Applies a function to each element.
///
/// - Parameters:
///   - forward: computes out = f(x).
///   - backward: computes gradient *= f'(x).
private func activation(
    _ name: String, _ x: Tensor, forward: (Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void,
    backward: @escaping (Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void
) -> Tensor {
    OperatorProfile.begin(name)
    defer { OperatorProfile.end() }
    let out = Tensor(uninitialized: x.shape)
    parallelChunks(x.count, of: elementsPerChunk) { range in
        forward(range.count, x.pointer + range.lowerBound, out.storage.pointer + range.lowerBound)
    }
    return Tape.record(name, out, from: [x]) { upstream in
        let gradient = upstream.copied()
        parallelChunks(x.count, of: elementsPerChunk) { range in
            backward(range.count, x.pointer + range.lowerBound, gradient.storage.pointer + range.lowerBound)
        }
        x.node?.add(gradient)
    }
}

/// factor x, element by element.
public func scaled(_ x: Tensor, by factor: Float) -> Tensor {
    func product(_ x: Tensor) -> Tensor {
        let out = Tensor(uninitialized: x.shape)
        parallelChunks(x.count, of: elementsPerChunk) { range in
            pn_scale(range.count, factor, x.pointer + range.lowerBound, out.storage.pointer + range.lowerBound)
        }
        return out
    }
    OperatorProfile.begin("scaled")
    defer { OperatorProfile.end() }
    return Tape.record("scaled", product(x), from: [x]) { x.node?.add(product($0)) }
}

/// a + b, element by element. Both have the same shape.
public func sum(_ a: Tensor, _ b: Tensor) -> Tensor {
    OperatorProfile.begin("sum")
    defer { OperatorProfile.end() }
    precondition(a.shape == b.shape, "sum: shapes \(a.shape) and \(b.shape) differ")
    let out = Tensor(uninitialized: a.shape)
    parallelChunks(a.count, of: elementsPerChunk) { range in
        pn_add(
            range.count, a.pointer + range.lowerBound, b.pointer + range.lowerBound,
            out.storage.pointer + range.lowerBound)
    }
    return Tape.record("sum", out, from: [a, b]) { upstream in
        a.node?.add(upstream)
        b.node?.add(upstream)
    }
}

/// silu(condition + x), with one condition for all tokens of an image.
///
/// - Parameters:
///   - condition: [B, D].
///   - x: [B, N, D].
/// - Returns: [B, N, D].
public func siluOfSum(condition: Tensor, _ x: Tensor) -> Tensor {
    OperatorProfile.begin("siluOfSum")
    defer { OperatorProfile.end() }
    let width = x.shape.last!
    let tokens = x.shape[1]
    precondition(
        x.shape.count == 3 && condition.shape == [x.shape[0], width],
        "siluOfSum: condition \(condition.shape) does not fit x \(x.shape)")
    let out = Tensor(uninitialized: x.shape)
    parallelFor(x.count / width) { row in
        pn_add_silu_forward(
            width, condition.pointer + row / tokens * width, x.pointer + row * width,
            out.storage.pointer + row * width)
    }
    return Tape.record("siluOfSum", out, from: [condition, x]) { upstream in
        let gradient = Tensor(uninitialized: x.shape)
        let conditionGradient = sumOverTokens(batch: x.shape[0], tokens: tokens, width: width) { batch, range, sums in
            for token in range {
                let at = (batch * tokens + token) * width
                pn_add_silu_backward(
                    width, condition.pointer + batch * width, x.pointer + at, upstream.pointer + at,
                    gradient.storage.pointer + at, sums)
            }
        }
        x.node?.add(gradient)
        condition.node?.add(conditionGradient)
    }
}

/// Sums over the tokens of each image, in parallel and in a fixed order.
///
/// - Parameter body: adds the terms of a range of tokens of an image to the sums [width] that it is given.
/// - Returns: [batch, width].
func sumOverTokens(
    batch: Int, tokens: Int, width: Int,
    _ body: (_ batch: Int, _ tokens: Range<Int>, _ sums: UnsafeMutablePointer<Float>) -> Void
) -> Tensor {
    // The chunk size does not depend on the number of threads, so neither do the bits of the sums.
    let chunk = 32
    let chunks = (tokens + chunk - 1) / chunk
    return withWorkspace(batch * chunks * width) { partialSums in
        parallelFor(batch * chunks) { index in
            let (picture, part) = (index / chunks, index % chunks)
            let sums = partialSums + index * width
            sums.update(repeating: 0, count: width)
            body(picture, part * chunk..<min(tokens, (part + 1) * chunk), sums)
        }
        let result = Tensor(zeros: [batch, width])
        parallelFor(batch) { picture in
            pn_column_sums(
                chunks, width, width, partialSums + picture * chunks * width,
                result.storage.pointer + picture * width)
        }
        return result
    }
}
