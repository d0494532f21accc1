import CPixNerdKernels

/// The gated MLP of a transformer block: w2 (silu(w1 x) * w3 x) (Shazeer, arXiv 2002.05202).
///
/// - Parameters:
///   - x: [..., D].
///   - gateWeight: `w1`, [inner, D].
///   - valueWeight: `w3`, [inner, D].
///   - outputWeight: `w2`, [D, inner].
///   - dropout: dropout of silu(w1 x) * w3 x; nil for none.
/// - Returns: [..., D].
public func swiGLU(
    _ x: Tensor, gateWeight: Tensor, valueWeight: Tensor, outputWeight: Tensor, dropout: DropoutMask? = nil
) -> Tensor {
    precondition(
        x.shape.last == gateWeight.shape.last && valueWeight.shape == gateWeight.shape
            && outputWeight.shape.count == 2 && outputWeight.shape[1] == gateWeight.shape[0],
        "swiGLU: x \(x.shape), weights \(gateWeight.shape), \(valueWeight.shape) and \(outputWeight.shape) do not fit")
    let packed = { PackedGates(gate: PackedWeight.of(gateWeight), value: PackedWeight.of(valueWeight)) }
    if dropout == nil,
        let result = packedSwiGLU(x, inner: gateWeight.shape[0], packed, outputWeight: outputWeight)
    {
        return result
    }
    if dropout == nil,
        let result = tiledSwiGLU(
            x, gateWeight: gateWeight, valueWeight: valueWeight, outputWeight: outputWeight)
    {
        return result
    }
    let gate = linear(x, weight: gateWeight, isRounded: true)
    let value = linear(x, weight: valueWeight, isRounded: true)
    return gatedLinear([gate, value], inner: gateWeight.shape[0], weight: outputWeight, dropout)
}

/// The gated MLP of a transformer block, with the weights of gate and value in one matrix.
///
/// - Parameters:
///   - x: [..., D].
///   - stackedWeight: [2 inner, D], the rows of the gate before those of the value.
///   - outputWeight: [D, inner].
///   - dropout: dropout of silu(gate) * value; nil for none.
/// - Returns: [..., D].
public func swiGLU(
    _ x: Tensor, stackedWeight: Tensor, outputWeight: Tensor, dropout: DropoutMask? = nil
) -> Tensor {
    precondition(
        x.shape.last == stackedWeight.shape.last && outputWeight.shape.count == 2
            && stackedWeight.shape[0] == 2 * outputWeight.shape[1],
        "swiGLU: x \(x.shape), weights \(stackedWeight.shape) and \(outputWeight.shape) do not fit")
    let inner = outputWeight.shape[1]
    let packed = { PackedGates(stacked: PackedWeight.of(stackedWeight)) }
    if dropout == nil, let result = packedSwiGLU(x, inner: inner, packed, outputWeight: outputWeight) { return result }
    return gatedLinear([linear(x, weight: stackedWeight, isRounded: true)], inner: inner, weight: outputWeight, dropout)
}

/// The gated MLP without gradients, in bf16 with packed weights; nil if this is not possible or not faster.
private func packedSwiGLU(
    _ x: Tensor, inner: Int, _ packed: () -> PackedGates?, outputWeight: Tensor
) -> Tensor? {
    let width = x.shape.last!
    let rows = x.count / width
    guard x.node == nil, outputWeight.node == nil,
        Precision.ofProduct(rows: rows, columns: inner, inner: width) == .bf16, let gates = packed()
    else { return nil }
    OperatorProfile.begin("swiGLU")
    defer { OperatorProfile.end() }
    let hidden = BFloat16.gatedProduct(rows: rows, x.rounded(to: BFloat16.self), gates)
    return linearForward(hidden, shape: x.shape.dropLast() + [inner], weight: outputWeight)
}

/// Where gates and values of a gated layer lie: in two tensors, or side by side in the rows of one.
private struct GateLayout {
    let rows: Int
    let inner: Int
    let isStacked: Bool
    /// Number of products of each image.
    let imageSize: Int

    /// Calls `body` for the runs of a range of elements of silu(gate) * value whose gates and values are neighbours.
    ///
    /// - Parameter body: gets the place and the number of the elements, and where their gates and values begin.
    func forEachRun(in range: Range<Int>, _ body: (_ at: Int, _ size: Int, _ gate: Int, _ value: Int) -> Void) {
        guard isStacked else { return body(range.lowerBound, range.count, range.lowerBound, range.lowerBound) }
        var at = range.lowerBound
        while at < range.upperBound {
            let row = at / inner
            let end = min(range.upperBound, (row + 1) * inner)
            body(at, end - at, at + row * inner, at + (row + 1) * inner)
            at = end
        }
    }
}

/// (silu(gate) * value) W^T. The backward pass recomputes silu(gate) * value instead of keeping it.
///
/// - Parameters:
///   - inputs: gates and values, [..., inner] each; or one tensor [..., 2 inner] with both.
///   - mask: dropout of silu(gate) * value; nil for none.
private func gatedLinear(_ inputs: [Tensor], inner: Int, weight: Tensor, _ mask: DropoutMask?) -> Tensor {
    OperatorProfile.begin("gatedLinear")
    defer { OperatorProfile.end() }
    let shape = Array(inputs[0].shape.dropLast()) + [inner]
    let count = shape.reduce(1, *)
    let layout = GateLayout(
        rows: count / inner, inner: inner, isStacked: inputs.count == 1, imageSize: count / shape[0])
    func product<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        func hidden<Source: ProductFactor>(from source: Source.Type) -> Rounded<Element> {
            gatedProduct(
                gate: inputs[0].rounded(to: source), value: inputs.last!.rounded(to: source), layout, mask, as: type)
        }
        let hidden = inputs.allSatisfy(\.isRounded) ? hidden(from: BFloat16.self) : hidden(from: Float.self)
        let out = linearForward(hidden, shape: shape, weight: weight)
        let (nodes, shapes) = (inputs.map(\.node), inputs.map(\.shape))
        return Tape.record(
            "gatedLinear", out, from: inputs + [weight], keeping: inputs.map { $0.rounded(to: type) }
        ) { upstream, kept in
            let rounds = type == BFloat16.self && TileProduct.isUsed
            let gradients = shapes.map { PartlyRounded(shape: $0, rounds: rounds) }
            // The gradient of silu(gate) * value
            let hiddenGradient = Tensor(uninitialized: shape)
            let (gates, values) = (kept[0], kept[kept.count - 1])
            let hidden = gatedProduct(gate: gates, value: values, layout, mask, as: type)
            linearBackward(
                hidden, weight: weight, upstream: upstream.rounded(to: type), rows: layout.rows
            ) { $0(hiddenGradient.storage.pointer, 0) }
            parallelChunks(count, of: elementsPerChunk) { range in
                layout.forEachRun(in: range) { at, size, gate, value in
                    withWorkspace(3 * size) { room in
                        let ofHidden = room + 2 * size
                        ofHidden.update(from: hiddenGradient.pointer + at, count: size)
                        mask?.apply(to: ofHidden, at..<at + size, size: layout.imageSize)
                        gradients[0].write(at: gate, count: size) { ofGate in
                            gradients[gradients.count - 1].write(at: value, count: size) { ofValue in
                                pn_silu_gate_backward(
                                    size, type.widened(gates.pointer + gate, count: size, in: room),
                                    type.widened(values.pointer + value, count: size, in: room + size), ofHidden,
                                    ofGate, ofValue)
                            }
                        }
                    }
                }
            }
            for (node, gradient) in zip(nodes, gradients) { node?.add(gradient.tensor) }
        }
    }
    return switch Precision.ofProduct(rows: layout.rows, columns: weight.shape[0], inner: inner) {
    case .fp32: product(Float.self)
    case .bf16: product(BFloat16.self)
    }
}

/// silu(gate) * value, element by element and after dropout, in the type of matmul inputs.
private func gatedProduct<Source: ProductFactor, Element: ProductFactor>(
    gate: Rounded<Source>, value: Rounded<Source>, _ layout: GateLayout, _ mask: DropoutMask?, as type: Element.Type
) -> Rounded<Element> {
    type.computed(count: layout.rows * layout.inner) { range, out in
        layout.forEachRun(in: range) { at, size, gateAt, valueAt in
            withWorkspace(2 * size) { room in
                pn_silu_gate_forward(
                    size, Source.widened(gate.pointer + gateAt, count: size, in: room),
                    Source.widened(value.pointer + valueAt, count: size, in: room + size),
                    out + (at - range.lowerBound))
            }
        }
        mask?.apply(to: out, range, size: layout.imageSize)
    }
}

/// silu(gate) * value, element by element; without a gradient.
public func gatedProduct(gate: Tensor, value: Tensor) -> Tensor {
    gatedProduct("gatedProduct", gate: gate, value: value, pn_silu_gate_forward)
}

/// The tanh approximation of gelu(gate) * value, element by element; without a gradient. See `tanhGELU`.
public func tanhGELUProduct(gate: Tensor, value: Tensor) -> Tensor {
    gatedProduct("tanhGELUProduct", gate: gate, value: value, pn_tanh_gelu_gate_forward)
}

private func gatedProduct(
    _ name: String, gate: Tensor, value: Tensor,
    _ forward: (Int, UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void
) -> Tensor {
    precondition(gate.shape == value.shape, "\(name): shapes \(gate.shape) and \(value.shape) differ")
    precondition(
        Tape.current == nil || gate.node == nil && value.node == nil, "\(name): there is no gradient")
    let out = Tensor(uninitialized: gate.shape)
    parallelChunks(gate.count, of: elementsPerChunk) { range in
        let at = range.lowerBound
        forward(range.count, gate.pointer + at, value.pointer + at, out.storage.pointer + at)
    }
    return out
}
