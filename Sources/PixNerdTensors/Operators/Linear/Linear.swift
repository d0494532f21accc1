import CPixNerdKernels

/// x W^T + b over the last axis.
///
/// - Parameters:
///   - x: [..., in].
///   - weight: [out, in].
///   - bias: [out], or none.
///   - isRounded: whether the result may be stored in bf16 only, where bf16 matmuls run over tiles: for operators that
///     round it, such as attention.
/// - Returns: [..., out].
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor? = nil, isRounded: Bool = false) -> Tensor {
    guard let bias else { return linear(x, weight: weight, startingFrom: [], rounds: isRounded) }
    precondition(bias.shape == [weight.shape[0]], "linear: bias \(bias.shape) does not fit weight \(weight.shape)")
    return linear(
        x, weight: weight, bias: bias, startingFrom: [bias], rounds: isRounded,
        backward: { addBiasGradient(bias, $0) })
}

/// residual + x W^T + b over the last axis, as at the end of a transformer block, in one pass.
///
/// - Parameters:
///   - residual: [..., out].
///   - x: [..., in].
///   - weight: [out, in].
///   - bias: [out].
/// - Returns: [..., out].
public func linear(addedTo residual: Tensor, _ x: Tensor, weight: Tensor, bias: Tensor) -> Tensor {
    let outputs = weight.shape[0]
    precondition(
        bias.shape == [outputs] && residual.shape == x.shape.dropLast() + [outputs],
        "linear: residual \(residual.shape) and bias \(bias.shape) do not fit x \(x.shape), weight \(weight.shape)")
    return linear(x, weight: weight, startingFrom: [residual, bias]) { (target, row, columns) in
        let at = row * outputs + columns.lowerBound
        pn_add(columns.count, residual.pointer + at, bias.pointer + columns.lowerBound, target + at)
    } backward: { upstream in
        residual.node?.add(upstream)
        addBiasGradient(bias, upstream)
    }
}

/// x W^T + b, or x W^T added to the values that `prepare` writes.
///
/// - Parameters:
///   - bias: [out]; nil with `prepare`.
///   - start: the tensors that `prepare` reads.
///   - rounds: whether the result is stored in bf16 only, if the matmul runs over tiles.
///   - prepare: writes some columns of a row of the result.
///   - backward: adds the gradients of the tensors in `start`.
private func linear(
    _ x: Tensor, weight: Tensor, bias: Tensor? = nil, startingFrom start: [Tensor], rounds: Bool = false,
    prepare: RowPreparation? = nil, backward: @escaping (_ upstream: Tensor) -> Void = { _ in }
) -> Tensor {
    OperatorProfile.begin("linear")
    defer { OperatorProfile.end() }
    let (outputs, inputs) = (weight.shape[0], weight.shape.last!)
    precondition(
        weight.shape.count == 2 && x.shape.last == inputs, "linear: x \(x.shape), weight \(weight.shape) do not fit")
    func product<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let factor = x.rounded(to: type)
        let out =
            if rounds, let factor = factor as? Rounded<BFloat16>, TileProduct.isUsed {
                roundedLinearForward(factor, shape: x.shape, weight: weight, bias: bias)
            } else {
                linearForward(factor, shape: x.shape, weight: weight, bias: bias, prepare: prepare)
            }
        let node = x.node
        return Tape.record("linear", out, from: [x, weight] + start) { upstream in
            linearBackward(
                factor, weight: weight, upstream: upstream.rounded(to: type), rows: upstream.count / outputs
            ) { node?.accumulate($0) }
            backward(upstream)
        }
    }
    return switch Precision.ofProduct(rows: x.count / inputs, columns: outputs, inner: inputs) {
    case .fp32: product(Float.self)
    case .bf16: product(BFloat16.self)
    }
}

/// Writes the values that a matmul is added to, for some columns of a row of the result.
typealias RowPreparation = (_ target: UnsafeMutablePointer<Float>, _ row: Int, _ columns: Range<Int>) -> Void

/// x W^T + b, or x W^T added to the values that `prepare` writes; without a gradient.
///
/// - Parameter shape: the shape of x, [..., in].
func linearForward<Element: ProductFactor>(
    _ x: Rounded<Element>, shape: [Int], weight: Tensor, bias: Tensor? = nil, prepare: RowPreparation? = nil
) -> Tensor {
    let outputs = weight.shape[0]
    let out = Tensor(uninitialized: shape.dropLast() + [outputs])
    Element.multiply(
        rows: out.count / outputs, x, byWeight: weight, bias: bias, into: out.storage.pointer, prepare: prepare)
    return out
}

/// x W^T + b stored in bf16 only; without a gradient.
///
/// - Parameter shape: the shape of x, [..., in].
func roundedLinearForward(_ x: Rounded<BFloat16>, shape: [Int], weight: Tensor, bias: Tensor? = nil) -> Tensor {
    let outputs = weight.shape[0]
    let shape = shape.dropLast() + [outputs]
    let storage = RoundedStorage(count: shape.reduce(1, *))
    BFloat16.roundedProduct(
        rows: shape.dropLast().reduce(1, *), x, byWeight: weight, bias: bias, into: storage.pointer)
    return storage.tensor(shape: Array(shape))
}

/// The backward pass of x W^T. Adds the gradient of the weight.
///
/// - Parameters:
///   - upstream: the gradient of the result, [rows, out].
///   - addInputGradient: receives a closure that adds the gradient of x: `new + beta * old`.
func linearBackward<Element: ProductFactor>(
    _ x: Rounded<Element>, weight: Tensor, upstream gradient: Rounded<Element>, rows: Int,
    addInputGradient: (_ write: (UnsafeMutablePointer<Float>, _ beta: Float) -> Void) -> Void
) {
    // First, because the bf16 weight may be in the memory of its gradient.
    addInputGradient { pointer, beta in
        Element.multiply(rows: rows, gradient, byColumnsOf: weight, beta: beta, into: pointer)
    }
    addWeightGradient(x, weight: weight, upstream: gradient, rows: rows)
}

/// Adds the gradient of the weight of x W^T.
///
/// - Parameter upstream: the gradient of the result, [rows, out].
func addWeightGradient<Element: ProductFactor>(
    _ x: Rounded<Element>, weight: Tensor, upstream gradient: Rounded<Element>, rows: Int
) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    guard let node = weight.node else { return }
    let (transposed, factor) = (gradient.matrix(stride: outputs, transposed: true), x.matrix(stride: inputs))
    let isRounded = node.setRounded { pointer in
        Element.multiply(
            rows: outputs, columns: inputs, inner: rows, transposed, factor, bias: nil, roundedInto: pointer)
    }
    guard !isRounded else { return }
    node.accumulate { pointer, beta in
        MatrixProduct.onAllThreads(
            rows: outputs, columns: inputs, inner: rows, transposed, factor, beta: beta, into: pointer, stride: inputs)
    }
}

/// Adds the gradient of a bias: the sums over the rows of the upstream gradient.
private func addBiasGradient(_ bias: Tensor, _ upstream: Tensor) {
    addBiasGradient(bias, upstream.rounded(to: Float.self), rows: upstream.count / bias.count)
}

/// Adds the gradient of a bias: the sums over the rows of the upstream gradient [rows, out], in the type of matmul
/// inputs.
func addBiasGradient<Element: ProductFactor>(_ bias: Tensor, _ upstream: Rounded<Element>, rows: Int) {
    bias.node?.accumulateFromZero { pointer in
        addColumnSums(of: upstream.pointer, rows: rows, columns: bias.count, into: pointer)
    }
}

/// Adds the sums of the columns of x [rows, columns] to sums[columns]. Each thread takes a band of columns.
func addColumnSums<Element: ProductFactor>(
    of x: UnsafePointer<Element>, rows: Int, columns: Int, into sums: UnsafeMutablePointer<Float>
) {
    parallelChunks(columns, of: max(64, elementsPerChunk / max(rows, 1))) { range in
        let most = min(rows, 128)
        withWorkspace(most * range.count) { room in
            for row in stride(from: 0, to: rows, by: most) {
                let count = min(most, rows - row)
                let band = Element.widened(
                    x + row * columns + range.lowerBound, rows: count, width: range.count, stride: columns, in: room)
                pn_column_sums(count, range.count, band.stride, band.pointer, sums + range.lowerBound)
            }
        }
    }
}

/// Rows of a table selected by index.
///
/// - Parameters:
///   - table: [K, D].
///   - indices: B values in 0 ..< K.
/// - Returns: [B, D].
public func embedding(_ table: Tensor, indices: [Int]) -> Tensor { embedding(table, sets: indices.map { [$0] }) }

/// Sums of rows of a table, as `torch.nn.functional.embedding_bag` with mode `sum`.
///
/// - Parameters:
///   - table: [K, D].
///   - sets: B lists of values in 0 ..< K; an empty one gives zeros.
/// - Returns: [B, D].
public func embedding(_ table: Tensor, sets: [[Int]]) -> Tensor {
    OperatorProfile.begin("embedding")
    defer { OperatorProfile.end() }
    let width = table.shape[1]
    precondition(
        sets.allSatisfy { $0.allSatisfy((0..<table.shape[0]).contains) },
        "embedding: an index of \(sets) is outside the table \(table.shape)")
    let out = Tensor(uninitialized: [sets.count, width])
    for (row, set) in sets.enumerated() {
        let sum = out.storage.pointer + row * width
        guard let first = set.first else {
            sum.update(repeating: 0, count: width)
            continue
        }
        sum.update(from: table.pointer + first * width, count: width)
        for index in set.dropFirst() { pn_accumulate(width, table.pointer + index * width, sum) }
    }
    return Tape.record("embedding", out, from: [table]) { upstream in
        table.node?.accumulateFromZero { pointer in
            for (row, set) in sets.enumerated() {
                for index in set { pn_accumulate(width, upstream.pointer + row * width, pointer + index * width) }
            }
        }
    }
}
