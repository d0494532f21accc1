import CPixNerdKernels

/// The gated MLP in bf16 over tiles, for training: gates, values and their gradients are computed on the sums of matmuls
/// and never stored in float32. Nil if it does not run over tiles.
///
/// See `swiGLU` for the parameters.
func tiledSwiGLU(_ x: Tensor, gateWeight: Tensor, valueWeight: Tensor, outputWeight: Tensor) -> Tensor? {
    let (inner, width) = (gateWeight.shape[0], gateWeight.shape[1])
    let rows = x.count / width
    guard TileProduct.isUsed,
        Precision.ofProduct(rows: rows, columns: inner, inner: width) == .bf16,
        Precision.ofProduct(rows: rows, columns: outputWeight.shape[0], inner: inner) == .bf16
    else { return nil }
    OperatorProfile.begin("swiGLU")
    defer { OperatorProfile.end() }
    let factor = x.rounded(to: BFloat16.self)
    let (hidden, gates, values) = (
        RoundedStorage(count: rows * inner), RoundedStorage(count: rows * inner), RoundedStorage(count: rows * inner)
    )
    let places = TileResult.GatePlaces(gates: gates.pointer, values: values.pointer)
    TileProduct.onAllThreads(
        rows: rows, TileSource(left: factor.matrix(stride: width)), TileFactor(weight: gateWeight),
        second: TileFactor(weight: valueWeight), .gate(hidden.pointer, stride: inner, keeping: places))
    let out = linearForward(hidden.elements, shape: x.shape.dropLast() + [inner], weight: outputWeight)
    let node = x.node
    return Tape.record("swiGLU", out, from: [x, gateWeight, valueWeight, outputWeight]) { upstream in
        let (outputs, upstream) = (outputWeight.shape[0], upstream.rounded(to: BFloat16.self))
        // The gradients of gates and values overwrite these.
        let hidden = RoundedStorage(count: rows * inner)
        TileProduct.onAllThreads(
            rows: rows, TileSource(left: upstream.matrix(stride: outputs)),
            TileFactor(
                columns: inner, inner: outputs, TileSource(right: Matrix(outputWeight.pointer, stride: inner))),
            .gateBackward(
                hidden.pointer, stride: inner, TileResult.GatePlaces(gates: gates.pointer, values: values.pointer)))
        addWeightGradient(hidden.elements, weight: outputWeight, upstream: upstream, rows: rows)
        for (weight, gradient) in [(gateWeight, gates), (valueWeight, values)] {
            linearBackward(factor, weight: weight, upstream: gradient.elements, rows: rows) { node?.accumulate($0) }
        }
    }
}
