import CVectorKernels

/// x W^T + b over the last axis.
///
/// - Parameters:
///   - x: [..., in].
///   - weight: [out, in].
///   - bias: [out], or none.
/// - Returns: [..., out].
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor? = nil) -> Tensor {
    OperatorProfile.begin("linear")
    defer { OperatorProfile.end() }
    let (outputs, inputs) = (weight.shape[0], weight.shape.last!)
    precondition(
        weight.shape.count == 2 && x.shape.last == inputs && bias?.shape ?? [outputs] == [outputs],
        "linear: x \(x.shape), weight \(weight.shape), bias \(String(describing: bias?.shape)) do not fit")
    let rows = x.count / inputs
    let out = Tensor(uninitialized: x.shape.dropLast() + [outputs])
    let target = out.storage.pointer
    let a = Matrix(x.pointer, stride: inputs)
    let transposedWeight = Matrix(weight.pointer, stride: inputs, transposed: true)
    if let bias {
        let biasPointer = bias.pointer
        MatrixProduct.onAllThreads(
            rows: rows, columns: outputs, inner: inputs, a, transposedWeight, beta: 1, into: target, stride: outputs
        ) { rowRange, columnRange in
            for row in rowRange {
                (target + row * outputs + columnRange.lowerBound).update(
                    from: biasPointer + columnRange.lowerBound, count: columnRange.count)
            }
        }
    } else {
        MatrixProduct.onAllThreads(
            rows: rows, columns: outputs, inner: inputs, a, transposedWeight, beta: 0, into: target, stride: outputs)
    }
    return Tape.record("linear", out, from: [x, weight] + (bias.map { [$0] } ?? [])) { upstream in
        linearBackward(x: x, weight: weight, bias: bias, upstream: upstream)
    }
}

/// Adds the derivatives of `linear` to the gradients of x, weight and bias.
func linearBackward(x: Tensor, weight: Tensor, bias: Tensor?, upstream: Tensor) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    let rows = x.count / inputs
    let gradient = Matrix(upstream.pointer, stride: outputs)
    weight.node?.accumulate { pointer, beta in
        MatrixProduct.onAllThreads(
            rows: outputs, columns: inputs, inner: rows,
            Matrix(upstream.pointer, stride: outputs, transposed: true), Matrix(x.pointer, stride: inputs),
            beta: beta, into: pointer, stride: inputs)
    }
    bias?.node?.accumulateFromZero { pointer in
        addColumnSums(of: upstream.pointer, rows: rows, columns: outputs, into: pointer)
    }
    x.node?.accumulate { pointer, beta in
        MatrixProduct.onAllThreads(
            rows: rows, columns: inputs, inner: outputs, gradient, Matrix(weight.pointer, stride: inputs),
            beta: beta, into: pointer, stride: inputs)
    }
}

/// sums[columns] += the sums of the columns; each thread takes a band of columns.
func addColumnSums(
    of x: UnsafePointer<Float>, rows: Int, columns: Int, into sums: UnsafeMutablePointer<Float>
) {
    parallelChunks(columns, of: max(64, elementsPerChunk / max(rows, 1))) { range in
        column_sums(rows, range.count, columns, x + range.lowerBound, sums + range.lowerBound)
    }
}

/// Rows of a table picked by index.
///
/// - Parameters:
///   - table: [K, D].
///   - indices: B values in 0 ..< K.
/// - Returns: [B, D].
public func embedding(_ table: Tensor, indices: [Int]) -> Tensor {
    OperatorProfile.begin("embedding")
    defer { OperatorProfile.end() }
    let width = table.shape[1]
    precondition(
        indices.allSatisfy { (0..<table.shape[0]).contains($0) },
        "embedding: an index of \(indices) is outside the table \(table.shape)")
    let out = Tensor(uninitialized: [indices.count, width])
    for (row, index) in indices.enumerated() {
        (out.storage.pointer + row * width).update(from: table.pointer + index * width, count: width)
    }
    return Tape.record("embedding", out, from: [table]) { upstream in
        table.node?.accumulateFromZero { pointer in
            for (row, index) in indices.enumerated() {
                vector_add(width, upstream.pointer + row * width, pointer + index * width)
            }
        }
    }
}
