import CPixNerdKernels

/// The input sequence of a vision transformer: leading tokens, identical for all images, then the patches plus their
/// positions; without a gradient.
///
/// - Parameters:
///   - leading: [L, D].
///   - patches: [B, N, D].
///   - positions: [N, D], added to the patches.
/// - Returns: [B, L + N, D].
public func tokenSequence(leading: Tensor, patches: Tensor, positions: Tensor) -> Tensor {
    OperatorProfile.begin("tokenSequence")
    defer { OperatorProfile.end() }
    let (batch, tokens, width) = (patches.shape[0], patches.shape[1], patches.shape[2])
    precondition(
        leading.shape.count == 2 && leading.shape[1] == width && positions.shape == [tokens, width],
        "tokenSequence: leading \(leading.shape), patches \(patches.shape) and positions \(positions.shape) do not fit")
    let out = Tensor(uninitialized: [batch, leading.shape[0] + tokens, width])
    parallelFor(batch) { picture in
        let target = out.storage.pointer + picture * (leading.count + tokens * width)
        target.update(from: leading.pointer, count: leading.count)
        pn_add(
            tokens * width, patches.pointer + picture * tokens * width, positions.pointer, target + leading.count)
    }
    return out
}

/// A copy of the tokens after the first `count` of each image; without a gradient.
///
/// - Parameter tokens: [B, L, D].
/// - Returns: [B, L - count, D].
public func droppingTokens(_ count: Int, of tokens: Tensor) -> Tensor {
    precondition(
        tokens.shape.count == 3 && (0..<tokens.shape[1]).contains(count),
        "droppingTokens: \(count) tokens cannot be dropped from \(tokens.shape)")
    let (batch, width) = (tokens.shape[0], tokens.shape[2])
    let out = Tensor(uninitialized: [batch, tokens.shape[1] - count, width])
    let size = out.count / batch
    parallelFor(batch) { picture in
        (out.storage.pointer + picture * size).update(
            from: tokens.pointer + picture * (size + count * width) + count * width, count: size)
    }
    return out
}
