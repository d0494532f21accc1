import CVectorKernels
import Foundation

/// Cosines and sines of the rotary angles of a grid of patches.
///
/// Positions run over linspace(0, 16) along each axis whatever the grid, so that a larger picture samples the same
/// square more finely. Within a frequency the pairs alternate x, y. (Su et al., arXiv 2104.09864, in two dimensions.)
///
/// - Parameters:
///   - headWidth: the width of a head, a multiple of 4.
///   - rows: patches from top to bottom.
///   - columns: patches from left to right.
/// - Returns: [rows * columns, headWidth / 2, 2], cosine and sine.
public func rotaryTable(
    headWidth: Int, rows: Int, columns: Int, theta: Double = 10000, extent: Double = 16
) -> Tensor {
    OperatorProfile.begin("rotaryTable")
    defer { OperatorProfile.end() }
    precondition(headWidth % 4 == 0, "rotaryTable: a head width of \(headWidth) is not a multiple of 4")
    // As torch.linspace has it, one single point is the start.
    func positions(_ count: Int) -> [Float] {
        (0..<count).map { count == 1 ? 0 : Float(extent * Double($0) / Double(count - 1)) }
    }
    let rates = (0..<headWidth / 4).map { Float(pow(theta, -Double(4 * $0) / Double(headWidth))) }
    let (xs, ys) = (positions(columns), positions(rows))
    var values: [Float] = []
    values.reserveCapacity(rows * columns * headWidth)
    for y in ys {
        for x in xs {
            for rate in rates {
                for angle in [x * rate, y * rate] { values += [cosf(angle), sinf(angle)] }
            }
        }
    }
    return Tensor(values, shape: [rows * columns, headWidth / 2, 2])
}

/// Multi-head attention over all tokens of a picture, with RMS-normalised and rotated queries and keys.
///
/// Scores live in tiles of a few rows, so that memory grows with N and not with N squared; the backward pass computes
/// them again from the logarithm of each row's sum.
///
/// - Parameters:
///   - qkv: [B, N, 3 D], the queries, keys and values of each token side by side.
///   - queryNorm: [d], the weight of the queries' norm.
///   - keyNorm: [d], the weight of the keys' norm.
///   - heads: how many heads of width d = D / heads.
///   - table: [N, d / 2, 2] as `rotaryTable` makes it.
/// - Returns: [B, N, D].
public func rotaryAttention(
    _ qkv: Tensor, queryNorm: Tensor, keyNorm: Tensor, heads: Int, table: Tensor, epsilon: Float = 1e-6
) -> Tensor {
    OperatorProfile.begin("rotaryAttention")
    defer { OperatorProfile.end() }
    let layout = AttentionLayout(qkv: qkv, heads: heads)
    precondition(
        queryNorm.shape == [layout.headWidth] && keyNorm.shape == [layout.headWidth]
            && table.count == layout.tokens * layout.headWidth,
        "rotaryAttention: qkv \(qkv.shape) with \(heads) heads, norms \(queryNorm.shape) and \(keyNorm.shape), "
            + "table \(table.shape) do not fit")
    let (queries, keys) = layout.rotated(qkv, queryNorm, keyNorm, table, epsilon)
    let (tokens, headWidth, width) = (layout.tokens, layout.headWidth, layout.width)
    let out = Tensor(uninitialized: [layout.batch, tokens, width])
    let logSums = Tensor(uninitialized: [layout.batch, heads, tokens])
    let tile = layout.rowsPerTile
    let tiles = (tokens + tile - 1) / tile
    parallelFor(layout.batch * heads * tiles) { index in
        let (item, row) = (index / tiles, index % tiles * tile)
        let rows = min(tile, tokens - row)
        withWorkspace(rows * tokens) { scores in
            layout.scores(rows: rows, from: row, queries.pointer, keys.pointer, item: item, into: scores)
            softmax_rows(rows, tokens, scores, logSums.storage.pointer + item * tokens + row)
            MatrixProduct.onThisThread(
                rows: rows, columns: headWidth, inner: tokens, Matrix(scores, stride: tokens),
                layout.values(qkv.pointer, item: item), beta: 0,
                into: out.storage.pointer + layout.outputOffset(item: item) + row * width, stride: width)
        }
    }
    return Tape.record("rotaryAttention", out, from: [qkv, queryNorm, keyNorm]) { upstream in
        rotaryAttentionBackward(
            qkv: qkv, queryNorm: queryNorm, keyNorm: keyNorm, table: table, epsilon: epsilon, layout: layout,
            logSums: logSums, upstream: upstream)
    }
}

private func rotaryAttentionBackward(
    qkv: Tensor, queryNorm: Tensor, keyNorm: Tensor, table: Tensor, epsilon: Float, layout: AttentionLayout,
    logSums: Tensor, upstream: Tensor
) {
    let (tokens, headWidth, width) = (layout.tokens, layout.headWidth, layout.width)
    let gradient = Tensor(uninitialized: qkv.shape)
    let items = layout.batch * layout.heads
    let head = tokens * headWidth
    // Each item's own share of the gradients of both norms' weights, summed in item order below.
    let normGradients = Tensor(zeros: [items, 2 * headWidth])
    parallelFor(items) { item in
        let source = qkv.pointer + layout.queryOffset(item: item)
        let target = gradient.storage.pointer + layout.queryOffset(item: item)
        let sums = normGradients.storage.pointer + item * 2 * headWidth
        withWorkspace(4 * head) { workspace in
            let (queries, keys) = (workspace, workspace + head)
            let (queryGradient, keyGradient) = (workspace + 2 * head, workspace + 3 * head)
            rotary_norm_forward(
                tokens, headWidth, 3 * width, epsilon, source, queryNorm.pointer, table.pointer, queries)
            rotary_norm_forward(
                tokens, headWidth, 3 * width, epsilon, source + width, keyNorm.pointer, table.pointer, keys)
            layout.attentionBackward(
                queries: queries, keys: keys, values: Matrix(source + 2 * width, stride: 3 * width),
                logSums: logSums.pointer + item * tokens,
                outputGradient: Matrix(upstream.pointer + layout.outputOffset(item: item), stride: width),
                queryGradient: queryGradient, keyGradient: keyGradient, valueGradient: target + 2 * width)
            rotary_norm_backward(
                tokens, headWidth, 3 * width, epsilon, source, queryNorm.pointer, table.pointer, queryGradient,
                target, sums)
            rotary_norm_backward(
                tokens, headWidth, 3 * width, epsilon, source + width, keyNorm.pointer, table.pointer, keyGradient,
                target + width, sums + headWidth)
        }
    }
    qkv.node?.add(gradient)
    for (norm, offset) in [(queryNorm, 0), (keyNorm, headWidth)] {
        norm.node?.accumulateFromZero { pointer in
            column_sums(items, headWidth, 2 * headWidth, normGradients.pointer + offset, pointer)
        }
    }
}

/// Where the heads lie in [B, N, 3 D] and [B, N, D]. An item is one head of one picture.
private struct AttentionLayout {
    let batch: Int
    let tokens: Int
    let width: Int
    let heads: Int
    let headWidth: Int

    init(qkv: Tensor, heads: Int) {
        precondition(
            qkv.shape.count == 3 && qkv.shape[2] % (12 * heads) == 0,
            "rotaryAttention: qkv \(qkv.shape) is not [B, N, 3 D] with D a multiple of 4 x \(heads) heads")
        (batch, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
        self.heads = heads
        headWidth = width / heads
    }

    var scoreScale: Float { 1 / Float(headWidth).squareRoot() }

    /// Rows of scores at once: about 256 KiB of them, which stay in the second-level cache.
    var rowsPerTile: Int { min(tokens, max(64, (1 << 16) / tokens)) }

    func queryOffset(item: Int) -> Int { item / heads * tokens * 3 * width + item % heads * headWidth }

    func outputOffset(item: Int) -> Int { item / heads * tokens * width + item % heads * headWidth }

    func values(_ qkv: UnsafePointer<Float>, item: Int) -> Matrix {
        Matrix(qkv + queryOffset(item: item) + 2 * width, stride: 3 * width)
    }

    /// Queries and keys, normalised and rotated, each [B, heads, N, d].
    func rotated(
        _ qkv: Tensor, _ queryNorm: Tensor, _ keyNorm: Tensor, _ table: Tensor, _ epsilon: Float
    ) -> (Tensor, Tensor) {
        let queries = Tensor(uninitialized: [batch, heads, tokens, headWidth])
        let keys = Tensor(uninitialized: [batch, heads, tokens, headWidth])
        parallelFor(batch * heads) { item in
            let source = qkv.pointer + queryOffset(item: item)
            let target = item * tokens * headWidth
            rotary_norm_forward(
                tokens, headWidth, 3 * width, epsilon, source, queryNorm.pointer, table.pointer,
                queries.storage.pointer + target)
            rotary_norm_forward(
                tokens, headWidth, 3 * width, epsilon, source + width, keyNorm.pointer, table.pointer,
                keys.storage.pointer + target)
        }
        return (queries, keys)
    }

    /// scores[rows, N] = q k^T / sqrt(d)
    func scores(
        rows: Int, from row: Int, _ queries: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, item: Int,
        into scores: UnsafeMutablePointer<Float>
    ) {
        let head = item * tokens * headWidth
        MatrixProduct.onThisThread(
            rows: rows, columns: tokens, inner: headWidth, scale: scoreScale,
            Matrix(queries + head + row * headWidth, stride: headWidth),
            Matrix(keys + head, stride: headWidth, transposed: true), beta: 0, into: scores, stride: tokens)
    }

    /// The derivative of one head by its rotated queries and keys and by its values, tile by tile.
    func attentionBackward(
        queries: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: Matrix, logSums: UnsafePointer<Float>,
        outputGradient: Matrix, queryGradient: UnsafeMutablePointer<Float>, keyGradient: UnsafeMutablePointer<Float>,
        valueGradient: UnsafeMutablePointer<Float>
    ) {
        let tile = rowsPerTile
        withWorkspace(2 * tile * tokens) { workspace in
            let (probabilities, scoreGradient) = (workspace, workspace + tile * tokens)
            for row in stride(from: 0, to: tokens, by: tile) {
                let rows = min(tile, tokens - row)
                let beta: Float = row == 0 ? 0 : 1
                let upstream = outputGradient.from(row: row)
                scores(rows: rows, from: row, queries, keys, item: 0, into: probabilities)
                softmax_from_log_sum(rows, tokens, logSums + row, probabilities)
                // dV += P^T dO
                MatrixProduct.onThisThread(
                    rows: tokens, columns: headWidth, inner: rows,
                    Matrix(probabilities, stride: tokens, transposed: true), upstream, beta: beta,
                    into: valueGradient, stride: 3 * width)
                // dP = dO V^T, and dS = P (dP - sum(P dP)) / sqrt(d)
                MatrixProduct.onThisThread(
                    rows: rows, columns: tokens, inner: headWidth, upstream,
                    Matrix(values.pointer, stride: values.stride, transposed: true), beta: 0, into: scoreGradient,
                    stride: tokens)
                softmax_backward(rows, tokens, scoreScale, probabilities, scoreGradient)
                // dQ = dS K and dK += dS^T Q
                MatrixProduct.onThisThread(
                    rows: rows, columns: headWidth, inner: tokens, Matrix(scoreGradient, stride: tokens),
                    Matrix(keys, stride: headWidth), beta: 0, into: queryGradient + row * headWidth,
                    stride: headWidth)
                MatrixProduct.onThisThread(
                    rows: tokens, columns: headWidth, inner: rows,
                    Matrix(scoreGradient, stride: tokens, transposed: true),
                    Matrix(queries + row * headWidth, stride: headWidth), beta: beta, into: keyGradient,
                    stride: headWidth)
            }
        }
    }
}
