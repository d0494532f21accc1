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

/// The gated MLP of a transformer block: w2 (silu(w1 x) * w3 x) (Shazeer, arXiv 2002.05202).
///
/// - Parameters:
///   - x: [..., D].
///   - gateWeight: `w1`, [inner, D].
///   - valueWeight: `w3`, [inner, D].
///   - outputWeight: `w2`, [D, inner].
/// - Returns: [..., D].
public func swiGLU(_ x: Tensor, gateWeight: Tensor, valueWeight: Tensor, outputWeight: Tensor) -> Tensor {
    precondition(
        x.shape.last == gateWeight.shape.last && valueWeight.shape == gateWeight.shape
            && outputWeight.shape.count == 2 && outputWeight.shape[1] == gateWeight.shape[0],
        "swiGLU: x \(x.shape), weights \(gateWeight.shape), \(valueWeight.shape) and \(outputWeight.shape) do not fit")
    if let result = packedSwiGLU(x, gateWeight: gateWeight, valueWeight: valueWeight, outputWeight: outputWeight) {
        return result
    }
    let gate = linear(x, weight: gateWeight)
    let value = linear(x, weight: valueWeight)
    return gatedLinear(gate: gate, value: value, weight: outputWeight)
}

/// The gated MLP without gradients, in bf16 with packed weights; nil if this is not possible or not faster.
private func packedSwiGLU(_ x: Tensor, gateWeight: Tensor, valueWeight: Tensor, outputWeight: Tensor) -> Tensor? {
    let (inner, width) = (gateWeight.shape[0], gateWeight.shape[1])
    let rows = x.count / width
    guard x.node == nil, outputWeight.node == nil,
        Precision.ofProduct(rows: rows, columns: inner, inner: width) == .bf16,
        let gate = PackedWeight.of(gateWeight), let value = PackedWeight.of(valueWeight)
    else { return nil }
    OperatorProfile.begin("swiGLU")
    defer { OperatorProfile.end() }
    let hidden = BFloat16.gatedProduct(rows: rows, x.rounded(to: BFloat16.self), gate: gate, value: value)
    return linearForward(hidden, shape: x.shape.dropLast() + [inner], weight: outputWeight)
}

/// (silu(gate) * value) W^T. The backward pass recomputes silu(gate) * value instead of keeping it.
private func gatedLinear(gate: Tensor, value: Tensor, weight: Tensor) -> Tensor {
    OperatorProfile.begin("gatedLinear")
    defer { OperatorProfile.end() }
    let (shape, count) = (gate.shape, gate.count)
    func product<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let hidden = gatedProduct(
            gate: gate.rounded(to: Float.self), value: value.rounded(to: Float.self), count: count, as: type)
        let out = linearForward(hidden, shape: shape, weight: weight)
        let (gateNode, valueNode) = (gate.node, value.node)
        return Tape.record(
            "gatedLinear", out, from: [gate, value, weight],
            keeping: (gate: gate.rounded(to: type), value: value.rounded(to: type))
        ) { upstream, kept in
            let gateGradient = Tensor(uninitialized: shape)
            // The gradient of silu(gate) * value, replaced by the gradient of the value below.
            let valueGradient = Tensor(uninitialized: shape)
            let hidden = gatedProduct(gate: kept.gate, value: kept.value, count: count, as: type)
            linearBackward(
                hidden, weight: weight, upstream: upstream.rounded(to: type), rows: count / shape.last!
            ) { $0(valueGradient.storage.pointer, 0) }
            parallelChunks(count, of: elementsPerChunk) { range in
                let (at, size) = (range.lowerBound, range.count)
                withWorkspace(3 * size) { room in
                    let hiddenGradient = room + 2 * size
                    hiddenGradient.update(from: valueGradient.pointer + at, count: size)
                    pn_silu_gate_backward(
                        size, type.widened(kept.gate.pointer + at, count: size, in: room),
                        type.widened(kept.value.pointer + at, count: size, in: room + size), hiddenGradient,
                        gateGradient.storage.pointer + at, valueGradient.storage.pointer + at)
                }
            }
            gateNode?.add(gateGradient)
            valueNode?.add(valueGradient)
        }
    }
    let width = shape.last!
    return switch Precision.ofProduct(rows: count / width, columns: weight.shape[0], inner: width) {
    case .fp32: product(Float.self)
    case .bf16: product(BFloat16.self)
    }
}

/// silu(gate) * value, element by element, in the type of matmul inputs.
private func gatedProduct<Source: ProductFactor, Element: ProductFactor>(
    gate: Rounded<Source>, value: Rounded<Source>, count: Int, as type: Element.Type
) -> Rounded<Element> {
    type.computed(count: count) { range, out in
        let (at, size) = (range.lowerBound, range.count)
        withWorkspace(2 * size) { room in
            pn_silu_gate_forward(
                size, Source.widened(gate.pointer + at, count: size, in: room),
                Source.widened(value.pointer + at, count: size, in: room + size), out)
        }
    }
}

/// silu(gate) * value, element by element; without a gradient.
public func gatedProduct(gate: Tensor, value: Tensor) -> Tensor {
    precondition(gate.shape == value.shape, "gatedProduct: shapes \(gate.shape) and \(value.shape) differ")
    let out = Tensor(uninitialized: gate.shape)
    parallelChunks(gate.count, of: elementsPerChunk) { range in
        let at = range.lowerBound
        pn_silu_gate_forward(range.count, gate.pointer + at, value.pointer + at, out.storage.pointer + at)
    }
    return out
}
