import CPixNerdKernels

/// Multi-head attention of each token of a text to all of its tokens, whose scores are not scaled and get a bias for how
/// far the attended token is; without a gradient.
///
/// The bias takes the place of positions (Raffel et al., arXiv 1910.10683). Texts of any lengths lie one behind another,
/// so there is no padding.
///
/// - Parameters:
///   - queries: [N, H d], heads side by side.
///   - keys: [N, H d].
///   - values: [N, H d].
///   - bias: [H, 2 M - 1], for an attended token M - 1 places before the attending one, to M - 1 places after it.
///   - counts: Number of tokens of each text, 1 ... M each, which add up to N.
/// - Returns: [N, H d].
public func biasedAttention(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor, counts: [Int]) -> Tensor {
    OperatorProfile.begin("biasedAttention")
    defer { OperatorProfile.end() }
    let heads = bias.shape[0]
    let reach = (bias.count / heads + 1) / 2
    precondition(
        queries.shape.count == 2 && keys.shape == queries.shape && values.shape == queries.shape
            && bias.shape == [heads, 2 * reach - 1] && queries.shape[1] % heads == 0,
        "biasedAttention: queries \(queries.shape), keys \(keys.shape), values \(values.shape) and bias \(bias.shape) do "
            + "not fit")
    precondition(
        counts.reduce(0, +) == queries.shape[0] && counts.allSatisfy { 1...reach ~= $0 },
        "biasedAttention: texts of \(counts) tokens do not fit \(queries.shape) and a bias of \(bias.shape)")
    precondition(
        Tape.current == nil || [queries, keys, values, bias].allSatisfy { $0.node == nil },
        "biasedAttention: there is no gradient")
    let longest = counts.max() ?? 1
    func attend<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let (queries, keys) = (queries.rounded(to: type), keys.rounded(to: type))
        return biasedAttention(queries, keys, values.rounded(to: type), bias: bias, counts, width: values.shape[1])
    }
    return switch Precision.ofProduct(rows: longest, columns: longest, inner: queries.shape[1] / heads) {
    case .fp32: attend(Float.self)
    case .bf16: attend(BFloat16.self)
    }
}

/// Rows of scores that are computed together.
private struct ScoreTile {
    /// The first token of the text, and its number of tokens.
    let text: Int
    let tokens: Int
    /// The first row within the text, and the number of rows.
    let row: Int
    let rows: Int
}

private func biasedAttention<Element: ProductFactor>(
    _ queries: Rounded<Element>, _ keys: Rounded<Element>, _ values: Rounded<Element>, bias: Tensor, _ counts: [Int],
    width: Int
) -> Tensor {
    let heads = bias.shape[0]
    let (headWidth, places) = (width / heads, bias.shape[1])
    var (tiles, start): ([ScoreTile], Int) = ([], 0)
    for tokens in counts {
        for row in stride(from: 0, to: tokens, by: 128) {
            tiles.append(ScoreTile(text: start, tokens: tokens, row: row, rows: min(128, tokens - row)))
        }
        start += tokens
    }
    let out = Tensor(uninitialized: [start, width])
    let all = tiles
    parallelFor(all.count * heads) { index in
        let (tile, head) = (all[index / heads], index % heads)
        let (own, attended) = ((tile.text + tile.row) * width + head * headWidth, tile.text * width + head * headWidth)
        withWorkspace(tile.rows * tile.tokens + tile.rows) { scores in
            MatrixProduct.onThisThread(
                rows: tile.rows, columns: tile.tokens, inner: headWidth,
                Matrix(queries.pointer + own, stride: width),
                Matrix(keys.pointer + attended, stride: width, transposed: true), beta: 0, into: scores,
                stride: tile.tokens)
            for row in 0..<tile.rows {
                // The first attended token is this many places from the attending one.
                let distance = -(tile.row + row)
                let biases = bias.pointer + head * places + (places - 1) / 2 + distance
                pn_accumulate(tile.tokens, biases, scores + row * tile.tokens)
            }
            pn_softmax_rows(tile.rows, tile.tokens, 1, scores, scores + tile.rows * tile.tokens)
            MatrixProduct.onThisThread(
                rows: tile.rows, columns: headWidth, inner: tile.tokens,
                Matrix(Element.roundedInPlace(scores, count: tile.rows * tile.tokens), stride: tile.tokens),
                Matrix(values.pointer + attended, stride: width), beta: 0, into: out.storage.pointer + own,
                stride: width)
        }
    }
    return out
}
