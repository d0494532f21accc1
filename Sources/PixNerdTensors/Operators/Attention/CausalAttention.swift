import CPixNerdKernels
import Foundation

/// Cosines and sines of the rotary angles of a text's tokens at positions 0, 1, 2, ... (Su et al., arXiv 2104.09864).
///
/// - Parameters:
///   - tokens: Number of positions L.
///   - headWidth: The width d of a head, even.
///   - theta: The base of the rates: angle i turns by theta^(-2 i / d) from one position to the next.
/// - Returns: [L, 2, d / 2], cosines and then sines.
public func rotaryTable(tokens: Int, headWidth: Int, theta: Double) -> Tensor {
    precondition(headWidth % 2 == 0, "rotaryTable: a head width of \(headWidth) is not even")
    let rates = (0..<headWidth / 2).map { Float(pow(theta, -Double(2 * $0) / Double(headWidth))) }
    var values: [Float] = []
    values.reserveCapacity(tokens * headWidth)
    for position in 0..<tokens {
        let angles = rates.map { Float(position) * $0 }
        values += angles.map(cosf)
        values += angles.map(sinf)
    }
    return Tensor(values, shape: [tokens, 2, headWidth / 2])
}

/// What the rows of a text see that has no tokens but padding.
public enum SightOfPadding: Sendable {
    /// Nothing: attention gives zero.
    case none
    /// All rows.
    case all
}

/// Multi-head attention of each token of a text to itself and to earlier tokens, with grouped keys, RMS-normalized and
/// rotated queries and keys; without a gradient.
///
/// Several query heads share a head of keys and values (Ainslie et al., arXiv 2305.13245). Rotation pairs the first
/// half of a head with its second. Padding at the end is seen by no row, but its own rows see the text and are computed.
///
/// - Parameters:
///   - queries: [B, L, H d], heads side by side.
///   - keys: [B, L, K d]; query head h sees key head h / (H / K).
///   - values: [B, L, K d].
///   - queryNorm: [d], the weight of the queries' norm.
///   - keyNorm: [d], the weight of the keys' norm.
///   - table: [L, 2, d / 2], from `rotaryTable(tokens:headWidth:theta:)`.
///   - counts: Number of tokens of each text that are no padding, B values in 0 ... L.
///   - empty: What the rows of a text with no tokens see.
/// - Returns: [B, L, H d].
public func causalAttention(
    queries: Tensor, keys: Tensor, values: Tensor, queryNorm: Tensor, keyNorm: Tensor, table: Tensor, counts: [Int],
    empty: SightOfPadding, epsilon: Float = 1e-6
) -> Tensor {
    OperatorProfile.begin("causalAttention")
    defer { OperatorProfile.end() }
    let layout = GroupedHeads(queries: queries, keys: keys, values: values, headWidth: queryNorm.count)
    precondition(
        queryNorm.shape == keyNorm.shape && queryNorm.shape.count == 1
            && table.count == layout.tokens * layout.headWidth,
        "causalAttention: norms \(queryNorm.shape) and \(keyNorm.shape), table \(table.shape) do not fit queries "
            + "\(queries.shape)")
    precondition(
        counts.count == layout.batch && counts.allSatisfy { 0...layout.tokens ~= $0 },
        "causalAttention: numbers of tokens \(counts) do not fit \(queries.shape)")
    precondition(
        Tape.current == nil || [queries, keys, values].allSatisfy { $0.node == nil },
        "causalAttention: there is no gradient")
    let rotation = HalvesRotation(
        layout: layout, queryNorm: queryNorm, keyNorm: keyNorm, table: table, epsilon: epsilon)
    func attend<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        rotation.attend(queries: queries, keys: keys, values: values, counts: counts, empty: empty, as: type)
    }
    return switch layout.precision {
    case .fp32: attend(Float.self)
    case .bf16: attend(BFloat16.self)
    }
}

/// The layout of query heads in [B, L, H d], and of fewer key heads in [B, L, K d].
private struct GroupedHeads {
    let batch: Int
    let tokens: Int
    let headWidth: Int
    let heads: Int
    let keyHeads: Int

    init(queries: Tensor, keys: Tensor, values: Tensor, headWidth: Int) {
        let (width, keyWidth) = (queries.shape.last ?? 0, keys.shape.last ?? 0)
        precondition(
            queries.shape.count == 3 && keys.shape == queries.shape.dropLast() + [keyWidth]
                && values.shape == keys.shape
                && headWidth % 2 == 0 && keyWidth % headWidth == 0 && width % keyWidth == 0,
            "causalAttention: queries \(queries.shape), keys \(keys.shape), values \(values.shape) and heads of width "
                + "\(headWidth) do not fit")
        (batch, tokens, self.headWidth) = (queries.shape[0], queries.shape[1], headWidth)
        (heads, keyHeads) = (width / headWidth, keyWidth / headWidth)
    }

    var precision: MatmulType { Precision.ofProduct(rows: tokens, columns: tokens, inner: headWidth) }

    /// Rows of scores per tile: enough for efficient matmuls, few enough for caches and for skipping what is not seen.
    var rowsPerTile: Int { min(tokens, 128) }

    /// The key head that a query head sees.
    func keyHead(of head: Int) -> Int { head / (heads / keyHeads) }
}

/// Normalizes and rotates queries and keys, and attends.
private struct HalvesRotation {
    let layout: GroupedHeads
    let queryNorm: Tensor
    let keyNorm: Tensor
    let table: Tensor
    let epsilon: Float

    /// Heads side by side, [B, L, count d], as [B, count, L, d], normalized, rotated, and converted in place.
    private func rotated<Element: ProductFactor>(
        _ x: Tensor, heads count: Int, norm: Tensor, as type: Element.Type
    ) -> Tensor {
        let (tokens, width) = (layout.tokens, layout.headWidth)
        let out = Tensor(uninitialized: [layout.batch, count, tokens, width])
        parallelFor(layout.batch * count) { item in
            let target = out.storage.pointer + item * tokens * width
            pn_rotary_halves_norm_forward(
                tokens, width, count * width, epsilon,
                x.pointer + (item / count * tokens * count + item % count) * width,
                norm.pointer, table.pointer, target)
            _ = type.roundedInPlace(target, count: tokens * width)
        }
        return out
    }

    func attend<Element: ProductFactor>(
        queries: Tensor, keys: Tensor, values: Tensor, counts: [Int], empty: SightOfPadding, as type: Element.Type
    ) -> Tensor {
        let (tokens, width, heads, keyHeads) = (layout.tokens, layout.headWidth, layout.heads, layout.keyHeads)
        let rotatedQueries = rotated(queries, heads: heads, norm: queryNorm, as: type)
        let rotatedKeys = rotated(keys, heads: keyHeads, norm: keyNorm, as: type)
        let valueParts = values.rounded(to: type)
        let out = Tensor(uninitialized: queries.shape)
        let scale = 1 / Float(width).squareRoot()
        let tile = layout.rowsPerTile
        let tiles = (tokens + tile - 1) / tile
        let head = tokens * width
        parallelFor(layout.batch * heads * tiles) { index in
            let (item, row) = (index / tiles, index % tiles * tile)
            let (text, queryHead) = (item / heads, item % heads)
            let keyHead = layout.keyHead(of: queryHead)
            let seesAll = counts[text] == 0 && empty == .all
            let rows = min(tile, tokens - row)
            // What no row of the tile sees is left out.
            let columns = seesAll ? tokens : row + rows
            let target = out.storage.pointer + ((text * tokens + row) * heads + queryHead) * width
            withWorkspace(rows * columns) { scores in
                MatrixProduct.onThisThread(
                    rows: rows, columns: columns, inner: width,
                    Matrix(type.inPlace(rotatedQueries.pointer + item * head), stride: width).from(row: row),
                    Matrix(
                        type.inPlace(rotatedKeys.pointer + (text * keyHeads + keyHead) * head), stride: width,
                        transposed: true),
                    beta: 0, into: scores, stride: columns)
                for place in 0..<rows {
                    let seen = seesAll ? tokens : min(row + place + 1, counts[text])
                    let line = scores + place * columns
                    var logSum: Float = 0
                    if seen > 0 { pn_softmax_rows(1, seen, scale, line, &logSum) }
                    (line + seen).update(repeating: 0, count: columns - seen)
                }
                MatrixProduct.onThisThread(
                    rows: rows, columns: width, inner: columns,
                    Matrix(type.roundedInPlace(scores, count: rows * columns), stride: columns),
                    Matrix(valueParts.pointer + (text * tokens * keyHeads + keyHead) * width, stride: keyHeads * width),
                    beta: 0, into: target, stride: heads * width)
            }
        }
        return out
    }
}
