import CPixNerdKernels

/// Multi-head attention over all tokens of an image (Vaswani et al., arXiv 1706.03762).
///
/// Scores are computed in tiles of a few rows, so that memory grows with N and not with N squared. The backward pass
/// recomputes them from the log of each row's sum of exponentials.
///
/// - Parameters:
///   - qkv: [B, N, 3 D], the queries, keys and values of each token side by side.
///   - heads: number of heads, of width d = D / heads.
/// - Returns: [B, N, D].
public func attention(_ qkv: Tensor, heads: Int) -> Tensor {
    OperatorProfile.begin("attention")
    defer { OperatorProfile.end() }
    let layout = AttentionLayout(qkv: qkv, heads: heads)
    func attend<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let parts = qkv.rounded(to: type)
        func part(_ part: Int) -> (_ item: Int) -> Matrix<Element> {
            { layout.part(part, of: parts.pointer, item: $0) }
        }
        let (out, logSums) = layout.attend(queries: part(0), keys: part(1), values: part(2))
        let node = qkv.node
        return Tape.record("attention", out, from: [qkv]) { upstream in
            let gradient = Tensor(uninitialized: upstream.shape.dropLast() + [3 * layout.width])
            let upstream = upstream.rounded(to: type)
            parallelFor(layout.items) { item in
                let target = gradient.storage.pointer + layout.offset(item: item)
                layout.attentionBackward(
                    item: item, queries: part(0)(item), keys: part(1)(item), values: part(2)(item), logSums: logSums,
                    upstream: upstream.pointer, queryGradient: target, keyGradient: target + layout.width,
                    stride: 3 * layout.width, valueGradient: target + 2 * layout.width)
            }
            node?.add(gradient)
        }
    }
    return switch layout.precision {
    case .fp32: attend(Float.self)
    case .bf16: attend(BFloat16.self)
    }
}

/// The layout of the heads in [B, N, 3 D] and [B, N, D], and attention over them. An item is one head of one image.
struct AttentionLayout {
    let batch: Int
    let tokens: Int
    let width: Int
    let heads: Int
    let headWidth: Int

    init(qkv: Tensor, heads: Int) {
        precondition(
            qkv.shape.count == 3 && qkv.shape[2] % (3 * heads) == 0,
            "attention: qkv \(qkv.shape) is not [B, N, 3 D] with D a multiple of \(heads) heads")
        (batch, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
        self.heads = heads
        headWidth = width / heads
    }

    var items: Int { batch * heads }

    /// Precision of the matmuls.
    var precision: Precision { Precision.ofProduct(rows: tokens, columns: tokens, inner: headWidth) }

    private var scoreScale: Float { 1 / Float(headWidth).squareRoot() }

    /// Rows of scores per tile: about 256 KiB of scores, which stay in the L2 cache. All tiles are of about the same
    /// size.
    private var rowsPerTile: Int {
        let tiles = max(1, min((tokens * tokens + (1 << 15)) >> 16, tokens / 64))
        return (tokens + tiles - 1) / tiles
    }

    /// Offset of an item in [B, N, 3 D].
    func offset(item: Int) -> Int { item / heads * tokens * 3 * width + item % heads * headWidth }

    private func outputOffset(item: Int) -> Int { item / heads * tokens * width + item % heads * headWidth }

    /// An item's queries (0), keys (1) or values (2) inside qkv: [N, d].
    func part<Element>(_ part: Int, of qkv: UnsafePointer<Element>, item: Int) -> Matrix<Element> {
        Matrix(qkv + offset(item: item) + part * width, stride: 3 * width)
    }

    /// softmax(q k^T / sqrt(d)) v.
    ///
    /// - Parameters:
    ///   - queries: returns the queries of an item, [N, d].
    ///   - keys: returns the keys of an item, [N, d].
    ///   - values: returns the values of an item, [N, d].
    /// - Returns: [B, N, D], and the log of each row's sum of exponentials, [B, heads, N].
    func attend<Element: ProductFactor>(
        queries: (_ item: Int) -> Matrix<Element>, keys: (_ item: Int) -> Matrix<Element>,
        values: (_ item: Int) -> Matrix<Element>
    ) -> (out: Tensor, logSums: Tensor) {
        let out = Tensor(uninitialized: [batch, tokens, width])
        let logSums = Tensor(uninitialized: [batch, heads, tokens])
        let tile = rowsPerTile
        let tiles = (tokens + tile - 1) / tile
        parallelFor(items * tiles) { index in
            let (item, row) = (index / tiles, index % tiles * tile)
            let rows = min(tile, tokens - row)
            withWorkspace(rows * tokens) { scores in
                self.scores(rows: rows, queries(item).from(row: row), keys(item), into: scores)
                pn_softmax_rows(rows, tokens, scoreScale, scores, logSums.storage.pointer + item * tokens + row)
                MatrixProduct.onThisThread(
                    rows: rows, columns: headWidth, inner: tokens,
                    Matrix(Element.roundedInPlace(scores, count: rows * tokens), stride: tokens), values(item), beta: 0,
                    into: out.storage.pointer + outputOffset(item: item) + row * width, stride: width)
            }
        }
        return (out, logSums)
    }

    /// Computes scores[rows, N] = q k^T.
    private func scores<Element: ProductFactor>(
        rows: Int, _ queries: Matrix<Element>, _ keys: Matrix<Element>, into scores: UnsafeMutablePointer<Float>
    ) {
        MatrixProduct.onThisThread(
            rows: rows, columns: tokens, inner: headWidth, queries,
            Matrix(keys.pointer, stride: keys.stride, transposed: true), beta: 0, into: scores, stride: tokens)
    }

    /// Computes the gradients of the queries, keys and values of one head, tile by tile.
    ///
    /// - Parameters:
    ///   - upstream: the gradient of the output, [B, N, D].
    ///   - queryGradient, keyGradient: [N, d] each, with rows `stride` elements apart.
    ///   - valueGradient: [N, d], with rows 3 D elements apart.
    func attentionBackward<Element: ProductFactor>(
        item: Int, queries: Matrix<Element>, keys: Matrix<Element>, values: Matrix<Element>, logSums: Tensor,
        upstream: UnsafePointer<Element>, queryGradient: UnsafeMutablePointer<Float>,
        keyGradient: UnsafeMutablePointer<Float>, stride gradientStride: Int,
        valueGradient: UnsafeMutablePointer<Float>
    ) {
        let tile = rowsPerTile
        let outputGradient = Matrix(upstream + outputOffset(item: item), stride: width)
        withWorkspace(2 * tile * tokens) { workspace in
            let (probabilities, scoreGradient) = (workspace, workspace + tile * tokens)
            for row in stride(from: 0, to: tokens, by: tile) {
                let rows = min(tile, tokens - row)
                let beta: Float = row == 0 ? 0 : 1
                let upstream = outputGradient.from(row: row)
                scores(rows: rows, queries.from(row: row), keys, into: probabilities)
                pn_softmax_from_log_sum(rows, tokens, scoreScale, logSums.pointer + item * tokens + row, probabilities)
                // dP = dO V^T, and dS = P (dP - sum(P dP)) / sqrt(d)
                MatrixProduct.onThisThread(
                    rows: rows, columns: tokens, inner: headWidth, upstream,
                    Matrix(values.pointer, stride: values.stride, transposed: true), beta: 0, into: scoreGradient,
                    stride: tokens)
                pn_softmax_backward(rows, tokens, scoreScale, probabilities, scoreGradient)
                // dV += P^T dO
                MatrixProduct.onThisThread(
                    rows: tokens, columns: headWidth, inner: rows,
                    Matrix(
                        Element.roundedInPlace(probabilities, count: rows * tokens), stride: tokens, transposed: true),
                    upstream, beta: beta, into: valueGradient, stride: 3 * width)
                // dQ = dS K and dK += dS^T Q
                let scoreGradient = Element.roundedInPlace(scoreGradient, count: rows * tokens)
                MatrixProduct.onThisThread(
                    rows: rows, columns: headWidth, inner: tokens, Matrix(scoreGradient, stride: tokens), keys, beta: 0,
                    into: queryGradient + row * gradientStride, stride: gradientStride)
                MatrixProduct.onThisThread(
                    rows: tokens, columns: headWidth, inner: rows,
                    Matrix(scoreGradient, stride: tokens, transposed: true), queries.from(row: row), beta: beta,
                    into: keyGradient, stride: gradientStride)
            }
        }
    }
}
