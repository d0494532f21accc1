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
/// See `attention` for what it keeps.
///
/// - Parameters:
///   - qkv: [B, N, 3 D], the queries, keys and values of each token side by side.
///   - queryNorm: [d], the weight of the queries' norm.
///   - keyNorm: [d], the weight of the keys' norm.
///   - heads: how many heads of width d = D / heads, a multiple of 4.
///   - table: [N, d / 2, 2] as `rotaryTable` makes it.
/// - Returns: [B, N, D].
public func rotaryAttention(
    _ qkv: Tensor, queryNorm: Tensor, keyNorm: Tensor, heads: Int, table: Tensor, epsilon: Float = 1e-6
) -> Tensor {
    OperatorProfile.begin("rotaryAttention")
    defer { OperatorProfile.end() }
    let layout = AttentionLayout(qkv: qkv, heads: heads)
    precondition(
        queryNorm.shape == [layout.headWidth] && keyNorm.shape == [layout.headWidth] && layout.headWidth % 4 == 0
            && table.count == layout.tokens * layout.headWidth,
        "rotaryAttention: qkv \(qkv.shape) with \(heads) heads, norms \(queryNorm.shape) and \(keyNorm.shape), "
            + "table \(table.shape) do not fit")
    let rotation = HeadRotation(layout: layout, queryNorm: queryNorm, keyNorm: keyNorm, table: table, epsilon: epsilon)
    let (out, logSums) = rotation.attend(qkv)
    return Tape.record("rotaryAttention", out, from: [qkv, queryNorm, keyNorm]) { upstream in
        rotation.backward(qkv, logSums: logSums, upstream: upstream)
    }
}

/// What turns the queries and keys of a head before they meet.
private struct HeadRotation {
    let layout: AttentionLayout
    let queryNorm: Tensor
    let keyNorm: Tensor
    let table: Tensor
    let epsilon: Float

    /// Normalises and rotates an item's queries (part 0) or keys (part 1) into [N, d].
    private func rotate(_ part: Int, of qkv: Tensor, item: Int, into target: UnsafeMutablePointer<Float>) {
        let source = layout.part(part, of: qkv.pointer, item: item)
        rotary_norm_forward(
            layout.tokens, layout.headWidth, source.stride, epsilon, source.pointer,
            (part == 0 ? queryNorm : keyNorm).pointer, table.pointer, target)
    }

    func attend(_ qkv: Tensor) -> (out: Tensor, logSums: Tensor) {
        let shape = [layout.batch, layout.heads, layout.tokens, layout.headWidth]
        let (queries, keys) = (Tensor(uninitialized: shape), Tensor(uninitialized: shape))
        let head = layout.tokens * layout.headWidth
        parallelFor(layout.items) { item in
            rotate(0, of: qkv, item: item, into: queries.storage.pointer + item * head)
            rotate(1, of: qkv, item: item, into: keys.storage.pointer + item * head)
        }
        return layout.attend(
            qkv, queries: { Matrix(queries.pointer + $0 * head, stride: layout.headWidth) },
            keys: { Matrix(keys.pointer + $0 * head, stride: layout.headWidth) })
    }

    func backward(_ qkv: Tensor, logSums: Tensor, upstream: Tensor) {
        let (tokens, headWidth, width) = (layout.tokens, layout.headWidth, layout.width)
        let gradient = Tensor(uninitialized: qkv.shape)
        let head = tokens * headWidth
        // Each item's own share of the gradients of both norms' weights, summed in item order below.
        let normGradients = Tensor(zeros: [layout.items, 2 * headWidth])
        parallelFor(layout.items) { item in
            let source = qkv.pointer + layout.offset(item: item)
            let target = gradient.storage.pointer + layout.offset(item: item)
            let sums = normGradients.storage.pointer + item * 2 * headWidth
            withWorkspace(4 * head) { workspace in
                let (queries, keys) = (workspace, workspace + head)
                let (queryGradient, keyGradient) = (workspace + 2 * head, workspace + 3 * head)
                rotate(0, of: qkv, item: item, into: queries)
                rotate(1, of: qkv, item: item, into: keys)
                layout.attentionBackward(
                    item: item, queries: Matrix(queries, stride: headWidth), keys: Matrix(keys, stride: headWidth),
                    values: layout.part(2, of: qkv.pointer, item: item), logSums: logSums, upstream: upstream,
                    queryGradient: queryGradient, keyGradient: keyGradient, stride: headWidth,
                    valueGradient: target + 2 * width)
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
                column_sums(layout.items, headWidth, 2 * headWidth, normGradients.pointer + offset, pointer)
            }
        }
    }
}
