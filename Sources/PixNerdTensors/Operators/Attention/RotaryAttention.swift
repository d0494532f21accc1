import CPixNerdKernels
import Foundation

/// Cosines and sines of the rotary angles of a grid of patches.
///
/// Positions are linspace(0, 16) along each axis for any grid size, so that a larger image samples the same square more
/// finely. Within a frequency the pairs alternate between x and y. (Su et al., arXiv 2104.09864, in two dimensions.)
///
/// - Parameters:
///   - headWidth: the width of a head, a multiple of 4.
///   - rows: number of patches from top to bottom.
///   - columns: number of patches from left to right.
/// - Returns: [rows * columns, headWidth / 2, 2], cosine and sine.
public func rotaryTable(
    headWidth: Int, rows: Int, columns: Int, theta: Double = 10000, extent: Double = 16
) -> Tensor {
    OperatorProfile.begin("rotaryTable")
    defer { OperatorProfile.end() }
    precondition(headWidth % 4 == 0, "rotaryTable: a head width of \(headWidth) is not a multiple of 4")
    // A single point is the start, as in torch.linspace.
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

/// Multi-head attention over all tokens of an image, with RMS-normalized and rotated queries and keys.
///
/// See `attention` for what the backward pass recomputes.
///
/// - Parameters:
///   - qkv: [B, N, 3 D], the queries, keys and values of each token side by side.
///   - queryNorm: [d], the weight of the queries' norm.
///   - keyNorm: [d], the weight of the keys' norm.
///   - heads: number of heads, of width d = D / heads, a multiple of 4.
///   - table: [N, d / 2, 2], from `rotaryTable`.
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
    func attend<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let (out, logSums) = rotation.attend(qkv, type)
        let node = qkv.node
        return Tape.record(
            "rotaryAttention", out, from: [qkv, queryNorm, keyNorm], keeping: qkv.rounded(to: type)
        ) { upstream, kept in
            let gradient = rotation.backward(kept, logSums: logSums, upstream: upstream.rounded(to: type))
            node?.add(gradient)
        }
    }
    return switch layout.precision {
    case .fp32: attend(Float.self)
    case .bf16: attend(BFloat16.self)
    }
}

/// Normalizes and rotates the queries and keys of a head.
private struct HeadRotation {
    let layout: AttentionLayout
    let queryNorm: Tensor
    let keyNorm: Tensor
    let table: Tensor
    let epsilon: Float

    /// An item's queries (part 0) or keys (part 1) as float32, [N, d].
    private func widened<Element: ProductFactor>(
        _ part: Int, of qkv: UnsafePointer<Element>, item: Int, in room: UnsafeMutablePointer<Float>
    ) -> (pointer: UnsafePointer<Float>, stride: Int) {
        let source = layout.part(part, of: qkv, item: item)
        return Element.widened(
            source.pointer, rows: layout.tokens, width: layout.headWidth, stride: source.stride, in: room)
    }

    /// Normalizes and rotates queries (part 0) or keys (part 1) into [N, d], converted in place.
    @discardableResult
    private func rotate<Element: ProductFactor>(
        _ part: Int, _ source: (pointer: UnsafePointer<Float>, stride: Int),
        into target: UnsafeMutablePointer<Float>, as type: Element.Type
    ) -> Matrix<Element> {
        pn_rotary_norm_forward(
            layout.tokens, layout.headWidth, source.stride, epsilon, source.pointer,
            (part == 0 ? queryNorm : keyNorm).pointer, table.pointer, target)
        return Matrix(
            type.roundedInPlace(target, count: layout.tokens * layout.headWidth), stride: layout.headWidth)
    }

    func attend<Element: ProductFactor>(_ qkv: Tensor, _ type: Element.Type) -> (out: Tensor, logSums: Tensor) {
        let shape = [layout.batch, layout.heads, layout.tokens, layout.headWidth]
        let rotated = [Tensor(uninitialized: shape), Tensor(uninitialized: shape)]
        let head = layout.tokens * layout.headWidth
        parallelFor(layout.items) { item in
            for part in 0...1 {
                let source = layout.part(part, of: qkv.pointer, item: item)
                rotate(
                    part, (source.pointer, source.stride), into: rotated[part].storage.pointer + item * head, as: type)
            }
        }
        let parts = qkv.rounded(to: type)
        func part(_ part: Int) -> (_ item: Int) -> Matrix<Element> {
            { Matrix(type.inPlace(rotated[part].pointer + $0 * head), stride: layout.headWidth) }
        }
        return layout.attend(
            queries: part(0), keys: part(1), values: { layout.part(2, of: parts.pointer, item: $0) })
    }

    /// The gradient of qkv. Adds the gradients of the weights of both norms.
    func backward<Element: ProductFactor>(
        _ qkv: Rounded<Element>, logSums: Tensor, upstream: Rounded<Element>
    ) -> Tensor {
        let (tokens, headWidth, width) = (layout.tokens, layout.headWidth, layout.width)
        let gradient = Tensor(uninitialized: [layout.batch, tokens, 3 * width])
        let head = tokens * headWidth
        // The gradients of both norms' weights per item, summed in item order below.
        let normGradients = Tensor(zeros: [layout.items, 2 * headWidth])
        parallelFor(layout.items) { item in
            let target = gradient.storage.pointer + layout.offset(item: item)
            let sums = normGradients.storage.pointer + item * 2 * headWidth
            withWorkspace(6 * head) { workspace in
                let places = (0..<6).map { workspace + $0 * head }
                let queries = widened(0, of: qkv.pointer, item: item, in: places[0])
                let keys = widened(1, of: qkv.pointer, item: item, in: places[1])
                layout.attentionBackward(
                    item: item, queries: rotate(0, queries, into: places[2], as: Element.self),
                    keys: rotate(1, keys, into: places[3], as: Element.self),
                    values: layout.part(2, of: qkv.pointer, item: item), logSums: logSums, upstream: upstream.pointer,
                    queryGradient: places[4], keyGradient: places[5], stride: headWidth,
                    valueGradient: target + 2 * width)
                pn_rotary_norm_backward(
                    tokens, headWidth, queries.stride, epsilon, queries.pointer, queryNorm.pointer, table.pointer,
                    places[4], 3 * width, target, sums)
                pn_rotary_norm_backward(
                    tokens, headWidth, keys.stride, epsilon, keys.pointer, keyNorm.pointer, table.pointer, places[5],
                    3 * width, target + width, sums + headWidth)
            }
        }
        for (norm, offset) in [(queryNorm, 0), (keyNorm, headWidth)] {
            norm.node?.accumulateFromZero { pointer in
                pn_column_sums(layout.items, headWidth, 2 * headWidth, normGradients.pointer + offset, pointer)
            }
        }
        return gradient
    }
}
