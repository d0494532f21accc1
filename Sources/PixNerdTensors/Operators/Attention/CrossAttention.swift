import CPixNerdKernels

/// Multi-head attention of the tokens of images to rows of texts, without a mask: each text has as many rows as it has
/// (Vaswani et al., arXiv 1706.03762).
///
/// The backward pass recomputes the scores from the log of each row's sum of exponentials.
///
/// - Parameters:
///   - queries: [B, N, D].
///   - keysAndValues: [R, 2 D], the keys and values of the rows of all texts side by side.
///   - rows: For each of U texts its rows in `keysAndValues`; none is empty.
///   - textOfImage: For each image the index of its text.
///   - heads: Number of heads, of width d = D / heads.
/// - Returns: [B, N, D].
public func crossAttention(
    _ queries: Tensor, keysAndValues: Tensor, rows: [Range<Int>], textOfImage: [Int], heads: Int
) -> Tensor {
    OperatorProfile.begin("crossAttention")
    defer { OperatorProfile.end() }
    let layout = CrossAttentionLayout(
        queries: queries, keysAndValues: keysAndValues, rows: rows, textOfImage: textOfImage, heads: heads)
    func attend<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let (own, texts) = (queries.rounded(to: type), keysAndValues.rounded(to: type))
        let (out, logSums) = layout.attend(own.pointer, texts.pointer)
        let nodes = (queries.node, keysAndValues.node)
        return Tape.record("crossAttention", out, from: [queries, keysAndValues]) { upstream in
            let ofQueries = Tensor(uninitialized: upstream.shape)
            // Rows of texts that no image has keep the gradient 0.
            let ofTexts = Tensor(zeros: [layout.textRows, 2 * layout.width])
            layout.backward(
                own.pointer, texts.pointer, logSums: logSums, upstream: upstream.rounded(to: type).pointer,
                queryGradient: ofQueries.storage.pointer, textGradient: ofTexts.storage.pointer)
            nodes.0?.add(ofQueries)
            nodes.1?.add(ofTexts)
        }
    }
    return switch layout.precision {
    case .fp32: attend(Float.self)
    case .bf16: attend(BFloat16.self)
    }
}

/// The heads in [B, N, D] and [R, 2 D], and attention between them.
private struct CrossAttentionLayout {
    let batch: Int
    /// N
    let tokens: Int
    /// D
    let width: Int
    /// R
    let textRows: Int
    let heads: Int
    let headWidth: Int
    let rows: [Range<Int>]
    let textOfImage: [Int]

    init(queries: Tensor, keysAndValues: Tensor, rows: [Range<Int>], textOfImage: [Int], heads: Int) {
        precondition(
            queries.shape.count == 3 && queries.shape[2] % heads == 0 && keysAndValues.shape.count == 2
                && keysAndValues.shape[1] == 2 * queries.shape[2] && textOfImage.count == queries.shape[0]
                && textOfImage.allSatisfy(rows.indices.contains)
                && rows.allSatisfy { !$0.isEmpty && 0 <= $0.lowerBound && $0.upperBound <= keysAndValues.shape[0] },
            "crossAttention: queries \(queries.shape), keys and values \(keysAndValues.shape), rows \(rows) of texts "
                + "\(textOfImage) and \(heads) heads do not fit")
        (batch, tokens, width) = (queries.shape[0], queries.shape[1], queries.shape[2])
        (textRows, self.heads, headWidth) = (keysAndValues.shape[0], heads, queries.shape[2] / heads)
        (self.rows, self.textOfImage) = (rows, textOfImage)
    }

    /// Precision of the matmuls.
    var precision: MatmulType {
        Precision.ofProduct(rows: tokens, columns: rows.map(\.count).max() ?? 1, inner: headWidth)
    }

    private var scoreScale: Float { 1 / Float(headWidth).squareRoot() }

    /// Rows of scores per tile: about 128 KiB of scores of a text of 120 rows.
    private var rowsPerTile: Int { min(tokens, 256) }

    private func offset(image: Int, head: Int) -> Int { image * tokens * width + head * headWidth }

    /// The keys of a head of a text, [K, d]; its values are `width` elements further.
    private func keys<Element>(_ texts: UnsafePointer<Element>, text: Int, head: Int) -> Matrix<Element> {
        Matrix(texts + rows[text].lowerBound * 2 * width + head * headWidth, stride: 2 * width)
    }

    private func transposed<Element>(_ matrix: Matrix<Element>) -> Matrix<Element> {
        Matrix(matrix.pointer, stride: matrix.stride, transposed: true)
    }

    /// softmax(q k^T / sqrt(d)) v.
    ///
    /// - Returns: [B, N, D], and the log of each row's sum of exponentials, [B, heads, N].
    func attend<Element: ProductFactor>(
        _ queries: UnsafePointer<Element>, _ texts: UnsafePointer<Element>
    ) -> (out: Tensor, logSums: Tensor) {
        let out = Tensor(uninitialized: [batch, tokens, width])
        let logSums = Tensor(uninitialized: [batch, heads, tokens])
        let tile = rowsPerTile
        let tiles = (tokens + tile - 1) / tile
        parallelFor(batch * heads * tiles) { index in
            let (item, row) = (index / tiles, index % tiles * tile)
            let (image, head) = (item / heads, item % heads)
            let (count, text) = (min(tile, tokens - row), textOfImage[image])
            let keys = keys(texts, text: text, head: head)
            let (seen, at) = (rows[text].count, offset(image: image, head: head) + row * width)
            withWorkspace(count * seen) { scores in
                MatrixProduct.onThisThread(
                    rows: count, columns: seen, inner: headWidth, Matrix(queries + at, stride: width),
                    transposed(keys), beta: 0, into: scores, stride: seen)
                pn_softmax_rows(count, seen, scoreScale, scores, logSums.storage.pointer + item * tokens + row)
                MatrixProduct.onThisThread(
                    rows: count, columns: headWidth, inner: seen,
                    Matrix(Element.roundedInPlace(scores, count: count * seen), stride: seen),
                    Matrix(keys.pointer + width, stride: keys.stride), beta: 0, into: out.storage.pointer + at,
                    stride: width)
            }
        }
        return (out, logSums)
    }

    /// Computes the gradients of queries, and of keys and values.
    ///
    /// A thread takes a head of a text with all its images in order, so that the bits are always the same.
    func backward<Element: ProductFactor>(
        _ queries: UnsafePointer<Element>, _ texts: UnsafePointer<Element>, logSums: Tensor,
        upstream: UnsafePointer<Element>, queryGradient: UnsafeMutablePointer<Float>,
        textGradient: UnsafeMutablePointer<Float>
    ) {
        let tile = rowsPerTile
        parallelFor(rows.count * heads) { index in
            let (text, head) = (index / heads, index % heads)
            let keys = keys(texts, text: text, head: head)
            let values = Matrix(keys.pointer + width, stride: keys.stride)
            let seen = rows[text].count
            let ofKeys = textGradient + rows[text].lowerBound * 2 * width + head * headWidth
            withWorkspace(2 * tile * seen) { workspace in
                for image in textOfImage.indices where textOfImage[image] == text {
                    for row in stride(from: 0, to: tokens, by: tile) {
                        let (count, at) = (min(tile, tokens - row), offset(image: image, head: head) + row * width)
                        let (own, above) = (Matrix(queries + at, stride: width), Matrix(upstream + at, stride: width))
                        let (probabilities, scoreGradient) = (workspace, workspace + tile * seen)
                        MatrixProduct.onThisThread(
                            rows: count, columns: seen, inner: headWidth, own, transposed(keys), beta: 0,
                            into: probabilities, stride: seen)
                        pn_softmax_from_log_sum(
                            count, seen, scoreScale, logSums.pointer + (image * heads + head) * tokens + row,
                            probabilities)
                        // dP = dO V^T, and dS = P (dP - sum(P dP)) / sqrt(d)
                        MatrixProduct.onThisThread(
                            rows: count, columns: seen, inner: headWidth, above, transposed(values), beta: 0,
                            into: scoreGradient, stride: seen)
                        pn_softmax_backward(count, seen, scoreScale, probabilities, scoreGradient)
                        let rounded = Matrix(
                            Element.roundedInPlace(scoreGradient, count: count * seen), stride: seen)
                        let weights = Matrix(
                            Element.roundedInPlace(probabilities, count: count * seen), stride: seen)
                        // dQ = dS K, dK += dS^T Q, dV += P^T dO
                        MatrixProduct.onThisThread(
                            rows: count, columns: headWidth, inner: seen, rounded, keys, beta: 0,
                            into: queryGradient + at, stride: width)
                        MatrixProduct.onThisThread(
                            rows: seen, columns: headWidth, inner: count, transposed(rounded), own, beta: 1,
                            into: ofKeys, stride: 2 * width)
                        MatrixProduct.onThisThread(
                            rows: seen, columns: headWidth, inner: count, transposed(weights), above, beta: 1,
                            into: ofKeys + width, stride: 2 * width)
                    }
                }
            }
        }
    }
}
