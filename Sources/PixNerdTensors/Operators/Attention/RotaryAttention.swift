import Foundation

/// Angles of the positions of a grid, times the rates of rotary positions.
///
/// - Parameters:
///   - width: twice the number of angles of a position, a multiple of 4.
///   - rows: number of positions from top to bottom, which run over linspace(0, `down`).
///   - columns: number of positions from left to right, which run over linspace(0, `across`).
/// - Returns: rows x columns x (width / 2) angles, row by row. The angles of x and y alternate.
func planeAngles(
    width: Int, rows: Int, columns: Int, across: Double, down: Double, theta: Double = 10000
) -> [Float] {
    // A single point is the start, as in torch.linspace.
    func positions(_ count: Int, _ extent: Double) -> [Float] {
        (0..<count).map { count == 1 ? 0 : Float(extent * Double($0) / Double(count - 1)) }
    }
    let rates = (0..<width / 4).map { Float(pow(theta, -Double(4 * $0) / Double(width))) }
    let (xs, ys) = (positions(columns, across), positions(rows, down))
    var angles: [Float] = []
    angles.reserveCapacity(rows * columns * width / 2)
    for y in ys {
        for x in xs {
            for rate in rates {
                angles.append(x * rate)
                angles.append(y * rate)
            }
        }
    }
    return angles
}

/// Cosines and sines of the rotary angles of a grid of patches.
///
/// Positions are linspace(0, 16) along each axis for any grid size, so that a larger image samples the same square more
/// finely. Within a frequency the pairs alternate between x and y. (Su et al., arXiv 2104.09864, in two dimensions.)
///
/// - Parameters:
///   - headWidth: the width of a head, a multiple of 4.
///   - rows: number of patches from top to bottom.
///   - columns: number of patches from left to right.
///   - theta: the base of the rates.
///   - extent: the last position along both axes.
/// - Returns: [rows * columns, headWidth / 2, 2], cosine and sine.
public func rotaryTable(
    headWidth: Int, rows: Int, columns: Int, theta: Double = 10000, extent: Double = 16
) -> Tensor {
    rotaryTable(headWidth: headWidth, rows: rows, columns: columns, theta: theta, across: extent, down: extent)
}

/// Cosines and sines of the rotary angles of a grid of patches whose positions run to different ends along both axes.
///
/// - Parameters:
///   - headWidth: the width of a head, a multiple of 4.
///   - rows: number of patches from top to bottom.
///   - columns: number of patches from left to right.
///   - theta: the base of the rates.
///   - across: the last position from left to right.
///   - down: the last position from top to bottom.
/// - Returns: [rows * columns, headWidth / 2, 2], cosine and sine. The pairs of x and y alternate.
public func rotaryTable(
    headWidth: Int, rows: Int, columns: Int, theta: Double = 10000, across: Double, down: Double
) -> Tensor {
    OperatorProfile.begin("rotaryTable")
    defer { OperatorProfile.end() }
    precondition(headWidth % 4 == 0, "rotaryTable: a head width of \(headWidth) is not a multiple of 4")
    let angles = planeAngles(
        width: headWidth, rows: rows, columns: columns, across: across, down: down, theta: theta)
    var values: [Float] = []
    values.reserveCapacity(2 * angles.count)
    for angle in angles {
        values.append(cosf(angle))
        values.append(sinf(angle))
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
///   - epsilon: added to the mean of squares under the norms' root.
/// - Returns: [B, N, D].
public func rotaryAttention(
    _ qkv: Tensor, queryNorm: Tensor, keyNorm: Tensor, heads: Int, table: Tensor, epsilon: Float = 1e-6
) -> Tensor {
    attention(
        "rotaryAttention", qkv,
        HeadNormalization(
            AttentionLayout(qkv: qkv, heads: heads), queryNorm: queryNorm, keyNorm: keyNorm, table: table,
            epsilon: epsilon))
}

/// Multi-head attention over all tokens of a sequence, with RMS-normalized queries and keys that are not rotated.
///
/// See `attention` for what the backward pass recomputes.
///
/// - Parameters:
///   - qkv: [B, N, 3 D], the queries, keys and values of each token side by side.
///   - queryNorm: [d], the weight of the queries' norm.
///   - keyNorm: [d], the weight of the keys' norm.
///   - heads: number of heads, of width d = D / heads.
///   - epsilon: added to the mean of squares under the norms' root.
/// - Returns: [B, N, D].
public func normalizedAttention(
    _ qkv: Tensor, queryNorm: Tensor, keyNorm: Tensor, heads: Int, epsilon: Float = 1e-6
) -> Tensor {
    attention(
        "normalizedAttention", qkv,
        HeadNormalization(
            AttentionLayout(qkv: qkv, heads: heads), queryNorm: queryNorm, keyNorm: keyNorm, table: nil,
            epsilon: epsilon))
}

/// Multi-head attention of an image's tokens over themselves and the rows of a text, in one softmax.
///
/// Queries and keys of the image are RMS-normalized and rotated; keys of the text are normalized by the same weight and
/// not rotated. Images may share a text: its keys are normalized once. (The text-to-image model of PixNerd, arXiv
/// 2507.23268.)
///
/// - Parameters:
///   - qkv: [B, N, 3 D], the queries, keys and values of each token of the images side by side.
///   - text: [U, L, 2 D], the keys and values of each row of U texts side by side.
///   - textOfImage: for each image the index of its text, in 0 ..< U.
///   - queryNorm: [d], the weight of the queries' norm.
///   - keyNorm: [d], the weight of the norm of both kinds of keys.
///   - heads: number of heads, of width d = D / heads, a multiple of 4.
///   - table: [N, d / 2, 2], from `rotaryTable`.
///   - epsilon: added to the mean of squares under the norms' root.
/// - Returns: [B, N, D].
public func jointAttention(
    _ qkv: Tensor, text: Tensor, textOfImage: [Int], queryNorm: Tensor, keyNorm: Tensor, heads: Int, table: Tensor,
    epsilon: Float = 1e-6
) -> Tensor {
    precondition(
        text.shape.count == 3 && 3 * text.shape[2] == 2 * qkv.shape[2] && textOfImage.count == qkv.shape[0]
            && textOfImage.allSatisfy { (0..<text.shape[0]).contains($0) },
        "jointAttention: text \(text.shape) of images \(textOfImage) does not fit qkv \(qkv.shape)")
    return attention(
        "jointAttention", qkv,
        HeadNormalization(
            AttentionLayout(qkv: qkv, heads: heads, others: text.shape[1]), queryNorm: queryNorm, keyNorm: keyNorm,
            table: table, epsilon: epsilon),
        text: TextTokens(text, ofImage: textOfImage, heads: heads))
}

private func attention(
    _ name: String, _ qkv: Tensor, _ normalization: HeadNormalization, text: TextTokens? = nil
) -> Tensor {
    OperatorProfile.begin(name)
    defer { OperatorProfile.end() }
    normalization.check(name)
    func attend<Element: ProductFactor>(_ type: Element.Type) -> Tensor {
        let (out, logSums) = normalization.attend(qkv, text, type)
        let (node, textNode) = (qkv.node, text?.tensor.node)
        let inputs = [qkv, normalization.queryNorm, normalization.keyNorm] + (text.map { [$0.tensor] } ?? [])
        let layout = text?.layout
        return Tape.record(
            name, out, from: inputs, keeping: (qkv: qkv.rounded(to: type), text: text?.tensor.rounded(to: type))
        ) { upstream, kept in
            let gradients = normalization.backward(
                kept.qkv, kept.text.map { ($0, layout!) }, logSums: logSums, upstream: upstream.rounded(to: type))
            node?.add(gradients.qkv)
            if let gradient = gradients.text { textNode?.add(gradient) }
        }
    }
    return switch normalization.layout.precision {
    case .fp32: attend(Float.self)
    case .bf16: attend(BFloat16.self)
    }
}
