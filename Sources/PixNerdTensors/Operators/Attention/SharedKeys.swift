/// A depthwise convolution over squares of tokens, one for each square; without a gradient.
///
/// - Parameters:
///   - x: [B, N, D], of a grid of `rows` x `columns`.
///   - weight: [D, 1, f, f].
///   - bias: [D].
/// - Returns: [B, M, D]; squares that are cut by the right or lower edge are left out.
public func squaresOfTokens(_ x: Tensor, rows: Int, columns: Int, weight: Tensor, bias: Tensor) -> Tensor {
    let (batch, width, factor) = (x.shape[0], x.shape[2], weight.shape.last ?? 0)
    precondition(
        weight.shape == [width, 1, factor, factor] && bias.shape == [width] && factor > 0
            && x.shape == [batch, rows * columns, width],
        "squaresOfTokens: weight \(weight.shape) and bias \(bias.shape) do not fit \(rows) x \(columns) tokens \(x.shape)"
    )
    precondition(Tape.current == nil || x.node == nil, "squaresOfTokens: there is no gradient")
    let (down, across) = (rows / factor, columns / factor)
    let out = Tensor(uninitialized: [batch, down * across, width])
    parallelFor(batch * down * across) { index in
        let (image, place) = (index / (down * across), index % (down * across))
        let target = out.storage.pointer + index * width
        target.update(from: bias.pointer, count: width)
        for (at, (y, column)) in (0..<factor).flatMap({ y in (0..<factor).map { (y, $0) } }).enumerated() {
            let row = place / across * factor + y
            let source = x.pointer + ((image * rows + row) * columns + place % across * factor + column) * width
            for channel in 0..<width {
                target[channel] += weight.pointer[channel * factor * factor + at] * source[channel]
            }
        }
    }
    return out
}

/// Two tensors side by side along their last axis, [..., D] and [..., E] to [..., D + E]; without a gradient.
public func sideBySide(_ a: Tensor, _ b: Tensor) -> Tensor {
    precondition(a.shape.dropLast() == b.shape.dropLast(), "sideBySide: shapes \(a.shape) and \(b.shape) do not fit")
    precondition(Tape.current == nil || (a.node == nil && b.node == nil), "sideBySide: there is no gradient")
    let widths = (a.shape[a.shape.count - 1], b.shape[b.shape.count - 1])
    let out = Tensor(uninitialized: a.shape.dropLast() + [widths.0 + widths.1])
    parallelFor(a.count / widths.0) { row in
        let target = out.storage.pointer + row * (widths.0 + widths.1)
        target.update(from: a.pointer + row * widths.0, count: widths.0)
        (target + widths.0).update(from: b.pointer + row * widths.1, count: widths.1)
    }
    return out
}
