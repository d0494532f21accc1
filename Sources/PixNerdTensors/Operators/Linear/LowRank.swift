/// Adds scale up down to some rows of a weight, in place and in float32, as a LoRA does (Hu et al., arXiv 2106.09685).
///
/// - Parameters:
///   - down: [rank, ...], with as many elements behind the first axis as a row of the weight.
///   - up: [rows, rank], perhaps with further axes of 1.
///   - first: the first of the rows.
///   - weight: [out, ...].
public func addLowRank(down: Tensor, up: Tensor, scale: Float, fromRow first: Int = 0, to weight: inout Tensor) {
    let (rank, inputs, rows) = (down.shape[0], down.count / down.shape[0], up.shape[0])
    precondition(
        up.count == rows * rank && weight.count == weight.shape[0] * inputs && first >= 0
            && first + rows <= weight.shape[0],
        "addLowRank: down \(down.shape) and up \(up.shape) do not fit rows from \(first) of \(weight.shape)")
    let scaledUp = scaled(up.detached, by: scale)
    let target = weight.uniquePointer() + first * inputs
    MatrixProduct.onAllThreads(
        rows: rows, columns: inputs, inner: rank, Matrix(scaledUp.pointer, stride: rank),
        Matrix(down.pointer, stride: inputs), beta: 1, into: target, stride: inputs)
}

/// The value of a weight to which scale up down was added, for computing with it: gradients go to `down` and `up`, and
/// none to the weight.
///
/// - Parameters:
///   - value: [out, ...], with the product added (`addLowRank`).
///   - down: [rank, ...].
///   - up: [out, rank].
/// - Returns: the value, in the same memory.
public func lowRankSum(_ value: Tensor, down: Tensor, up: Tensor, scale: Float) -> Tensor {
    let (rank, inputs, outputs) = (down.shape[0], down.count / down.shape[0], up.shape[0])
    precondition(
        up.count == outputs * rank && value.shape[0] == outputs && value.count == outputs * inputs,
        "lowRankSum: down \(down.shape) and up \(up.shape) do not fit \(value.shape)")
    return Tape.record("low rank", value.detached, from: [down, up]) { upstream in
        let gradient = Matrix(upstream.pointer, stride: inputs)
        func add(_ tensor: Tensor, rows: Int, columns: Int, inner: Int, _ a: Matrix<Float>, _ b: Matrix<Float>) {
            guard let node = tensor.node else { return }
            let product = Tensor(uninitialized: tensor.shape)
            MatrixProduct.onAllThreads(
                rows: rows, columns: columns, inner: inner, a, b, beta: 0, into: product.storage.pointer,
                stride: columns)
            node.add(scaled(product, by: scale))
        }
        add(
            down, rows: rank, columns: inputs, inner: outputs, Matrix(up.pointer, stride: rank, transposed: true),
            gradient)
        add(
            up, rows: outputs, columns: rank, inner: inputs, gradient,
            Matrix(down.pointer, stride: inputs, transposed: true))
    }
}

/// The value of a table some of whose rows are kept apart, for computing with it: gradients go to these rows alone.
///
/// - Parameters:
///   - value: [K, D], with the rows at their places.
///   - rows: [n, D].
///   - places: the place of each row in the table.
/// - Returns: the value, in the same memory.
public func tableWithRows(_ value: Tensor, rows: Tensor, at places: [Int]) -> Tensor {
    let width = value.shape[1]
    precondition(
        rows.shape == [places.count, width] && places.allSatisfy((0..<value.shape[0]).contains),
        "tableWithRows: rows \(rows.shape) at \(places) do not fit a table of \(value.shape)")
    return Tape.record("table rows", value.detached, from: [rows]) { upstream in
        rows.node?.add(embedding(upstream.detached, indices: places))
    }
}

/// Writes rows to their places in a table.
///
/// - Parameters:
///   - rows: [n, D].
///   - places: the place of each row.
///   - table: [K, D].
public func setRows(_ rows: Tensor, at places: [Int], of table: inout Tensor) {
    let width = table.shape[1]
    precondition(
        rows.shape == [places.count, width] && places.allSatisfy((0..<table.shape[0]).contains),
        "setRows: rows \(rows.shape) at \(places) do not fit a table of \(table.shape)")
    let target = table.uniquePointer()
    for (row, place) in places.enumerated() {
        (target + place * width).update(from: rows.pointer + row * width, count: width)
    }
}
