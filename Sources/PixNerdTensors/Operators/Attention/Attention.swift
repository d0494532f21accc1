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
        let own = AttendedTokens(count: layout.tokens, keys: part(1), values: part(2))
        let (out, logSums) = layout.attend(queries: part(0), to: [own])
        let node = qkv.node
        return Tape.record("attention", out, from: [qkv]) { upstream in
            let gradient = Tensor(uninitialized: upstream.shape.dropLast() + [3 * layout.width])
            let upstream = upstream.rounded(to: type)
            parallelFor(layout.items) { item in
                let target = gradient.storage.pointer + layout.offset(item: item)
                layout.attentionBackward(
                    item: item, queries: part(0)(item), to: [own], logSums: logSums, upstream: upstream.pointer,
                    queryGradient: GradientRows(target, stride: 3 * layout.width),
                    gradients: [
                        AttendedGradient(
                            keys: GradientRows(target + layout.width, stride: 3 * layout.width),
                            values: GradientRows(target + 2 * layout.width, stride: 3 * layout.width))
                    ])
            }
            node?.add(gradient)
        }
    }
    return switch layout.precision {
    case .fp32: attend(Float.self)
    case .bf16: attend(BFloat16.self)
    }
}

/// Tokens that queries attend to: M keys and values of each item.
struct AttendedTokens<Element: ProductFactor> {
    /// M
    let count: Int
    /// Returns the keys of an item, [M, d].
    let keys: (_ item: Int) -> Matrix<Element>
    /// Returns the values of an item, [M, d].
    let values: (_ item: Int) -> Matrix<Element>
}

/// Place of a gradient of a head, whose rows are `stride` elements apart.
struct GradientRows {
    let pointer: UnsafeMutablePointer<Float>
    let stride: Int

    init(_ pointer: UnsafeMutablePointer<Float>, stride: Int) { (self.pointer, self.stride) = (pointer, stride) }
}

/// Places of the gradients of the keys and values of some `AttendedTokens` for one item.
struct AttendedGradient {
    let keys: GradientRows
    let values: GradientRows
}

/// The layout of the heads in [B, N, 3 D] and [B, N, D], and attention over them. An item is one head of one image.
struct AttentionLayout {
    let batch: Int
    /// N
    let tokens: Int
    /// Number of keys of an image: N, and those of other tokens that its queries attend to.
    let keys: Int
    let width: Int
    let heads: Int
    let headWidth: Int

    /// - Parameter others: number of keys besides those of an image's own tokens.
    init(qkv: Tensor, heads: Int, others: Int = 0) {
        precondition(
            qkv.shape.count == 3 && qkv.shape[2] % (3 * heads) == 0,
            "attention: qkv \(qkv.shape) is not [B, N, 3 D] with D a multiple of \(heads) heads")
        (batch, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
        self.heads = heads
        headWidth = width / heads
        keys = tokens + others
    }

    var items: Int { batch * heads }

    /// Precision of the matmuls.
    var precision: MatmulType { Precision.ofProduct(rows: tokens, columns: keys, inner: headWidth) }

    var scoreScale: Float { 1 / Float(headWidth).squareRoot() }

    /// Rows of scores per tile: about 256 KiB of scores, which stay in the L2 cache. All tiles are of about the same
    /// size.
    private var rowsPerTile: Int {
        let tiles = max(1, min((tokens * keys + (1 << 15)) >> 16, tokens / 64))
        return (tokens + tiles - 1) / tiles
    }

    /// Offset of an item in [B, N, 3 D].
    func offset(item: Int) -> Int { item / heads * tokens * 3 * width + item % heads * headWidth }

    func outputOffset(item: Int) -> Int { item / heads * tokens * width + item % heads * headWidth }

    /// An item's queries (0), keys (1) or values (2) inside qkv: [N, d].
    func part<Element>(_ part: Int, of qkv: UnsafePointer<Element>, item: Int) -> Matrix<Element> {
        Matrix(qkv + offset(item: item) + part * width, stride: 3 * width)
    }

    /// softmax(q k^T / sqrt(d)) v, in one softmax over all attended tokens.
    ///
    /// - Parameters:
    ///   - queries: returns the queries of an item, [N, d].
    ///   - attended: tokens that are attended to, whose counts add up to `keys`.
    /// - Returns: [B, N, D], and the log of each row's sum of exponentials, [B, heads, N].
    func attend<Element: ProductFactor>(
        queries: (_ item: Int) -> Matrix<Element>, to attended: [AttendedTokens<Element>]
    ) -> (out: Tensor, logSums: Tensor) {
        let logSums = Tensor(uninitialized: [batch, heads, tokens])
        if usesTiles(attended) {
            return (attendOverTiles(queries: queries, to: attended, logSums: logSums), logSums)
        }
        let out = Tensor(uninitialized: [batch, tokens, width])
        let tile = rowsPerTile
        let tiles = (tokens + tile - 1) / tile
        parallelFor(items * tiles) { index in
            let (item, row) = (index / tiles, index % tiles * tile)
            let rows = min(tile, tokens - row)
            withWorkspace(rows * keys) { scores in
                self.scores(rows: rows, queries(item).from(row: row), attended, item: item, into: scores)
                pn_softmax_rows(rows, keys, scoreScale, scores, logSums.storage.pointer + item * tokens + row)
                let probabilities = Element.roundedInPlace(scores, count: rows * keys)
                var first = 0
                for part in attended {
                    MatrixProduct.onThisThread(
                        rows: rows, columns: headWidth, inner: part.count,
                        Matrix(probabilities + first, stride: keys), part.values(item), beta: first == 0 ? 0 : 1,
                        into: out.storage.pointer + outputOffset(item: item) + row * width, stride: width)
                    first += part.count
                }
            }
        }
        return (out, logSums)
    }

    /// Computes scores[rows, keys] = q k^T for the keys of all attended tokens.
    private func scores<Element: ProductFactor>(
        rows: Int, _ queries: Matrix<Element>, _ attended: [AttendedTokens<Element>], item: Int,
        into scores: UnsafeMutablePointer<Float>
    ) {
        var first = 0
        for part in attended {
            let rowsOfKeys = part.keys(item)
            MatrixProduct.onThisThread(
                rows: rows, columns: part.count, inner: headWidth, queries,
                Matrix(rowsOfKeys.pointer, stride: rowsOfKeys.stride, transposed: true), beta: 0, into: scores + first,
                stride: keys)
            first += part.count
        }
    }

    /// Computes the gradients of the queries, keys and values of one head, tile by tile.
    ///
    /// - Parameters:
    ///   - attended: tokens that are attended to, as in `attend`.
    ///   - upstream: the gradient of the output, [B, N, D].
    ///   - queryGradient: place for [N, d].
    ///   - gradients: places for [M, d] each, for each part of `attended`.
    func attentionBackward<Element: ProductFactor>(
        item: Int, queries: Matrix<Element>, to attended: [AttendedTokens<Element>], logSums: Tensor,
        upstream: UnsafePointer<Element>, queryGradient: GradientRows, gradients: [AttendedGradient]
    ) {
        let outputGradient = Matrix(upstream + outputOffset(item: item), stride: width)
        if usesTiles(attended) {
            return attentionBackwardOverTiles(
                item: item, queries: queries, to: attended, logSums: logSums.pointer + item * tokens,
                upstream: outputGradient, queryGradient: queryGradient, gradients: gradients)
        }
        let tile = rowsPerTile
        withWorkspace(2 * tile * keys) { workspace in
            let (probabilities, scoreGradient) = (workspace, workspace + tile * keys)
            for row in stride(from: 0, to: tokens, by: tile) {
                let rows = min(tile, tokens - row)
                let beta: Float = row == 0 ? 0 : 1
                let upstream = outputGradient.from(row: row)
                scores(rows: rows, queries.from(row: row), attended, item: item, into: probabilities)
                pn_softmax_from_log_sum(rows, keys, scoreScale, logSums.pointer + item * tokens + row, probabilities)
                // dP = dO V^T, and dS = P (dP - sum(P dP)) / sqrt(d)
                var first = 0
                for part in attended {
                    let values = part.values(item)
                    MatrixProduct.onThisThread(
                        rows: rows, columns: part.count, inner: headWidth, upstream,
                        Matrix(values.pointer, stride: values.stride, transposed: true), beta: 0,
                        into: scoreGradient + first, stride: keys)
                    first += part.count
                }
                pn_softmax_backward(rows, keys, scoreScale, probabilities, scoreGradient)
                let roundedProbabilities = Element.roundedInPlace(probabilities, count: rows * keys)
                let roundedGradient = Element.roundedInPlace(scoreGradient, count: rows * keys)
                first = 0
                for (part, target) in zip(attended, gradients) {
                    // dV += P^T dO
                    MatrixProduct.onThisThread(
                        rows: part.count, columns: headWidth, inner: rows,
                        Matrix(roundedProbabilities + first, stride: keys, transposed: true), upstream, beta: beta,
                        into: target.values.pointer, stride: target.values.stride)
                    // dQ = dS K and dK += dS^T Q
                    MatrixProduct.onThisThread(
                        rows: rows, columns: headWidth, inner: part.count,
                        Matrix(roundedGradient + first, stride: keys),
                        part.keys(item), beta: first == 0 ? 0 : 1,
                        into: queryGradient.pointer + row * queryGradient.stride, stride: queryGradient.stride)
                    MatrixProduct.onThisThread(
                        rows: part.count, columns: headWidth, inner: rows,
                        Matrix(roundedGradient + first, stride: keys, transposed: true), queries.from(row: row),
                        beta: beta, into: target.keys.pointer, stride: target.keys.stride)
                    first += part.count
                }
            }
        }
    }
}
