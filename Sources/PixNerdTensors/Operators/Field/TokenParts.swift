import CPixNerdKernels

/// Joins the tokens of each image.
///
/// - Parameter parts: [B, N, D] each, with B and D in common.
/// - Returns: [B, sum of N, D], the tokens of the first part before those of the second.
public func joinedTokens(_ parts: [Tensor]) -> Tensor {
    OperatorProfile.begin("joinedTokens")
    defer { OperatorProfile.end() }
    let (batch, width) = (parts[0].shape[0], parts[0].shape.last!)
    precondition(
        parts.allSatisfy { $0.shape.count == 3 && $0.shape[0] == batch && $0.shape[2] == width },
        "joinedTokens: shapes \(parts.map(\.shape)) differ in images or width")
    let out = Tensor(uninitialized: [batch, parts.reduce(0) { $0 + $1.shape[1] }, width])
    var first = 0
    for part in parts {
        copyTokens(part.shape[1], from: part, at: 0, to: out, at: first)
        first += part.shape[1]
    }
    return Tape.record("joinedTokens", out, from: parts) { upstream in
        var first = 0
        for part in parts {
            let gradient = Tensor(uninitialized: part.shape)
            copyTokens(part.shape[1], from: upstream, at: first, to: gradient, at: 0)
            part.node?.add(gradient)
            first += part.shape[1]
        }
    }
}

/// A copy of some of the tokens of each image.
///
/// - Parameter tokens: [B, N, D].
/// - Returns: [B, range.count, D].
public func tokens(_ range: Range<Int>, of tokens: Tensor) -> Tensor {
    OperatorProfile.begin("tokens")
    defer { OperatorProfile.end() }
    precondition(
        tokens.shape.count == 3 && range.lowerBound >= 0 && range.upperBound <= tokens.shape[1] && !range.isEmpty,
        "tokens: \(range) is not inside the tokens of \(tokens.shape)")
    let out = Tensor(uninitialized: [tokens.shape[0], range.count, tokens.shape[2]])
    copyTokens(range.count, from: tokens, at: range.lowerBound, to: out, at: 0)
    return Tape.record("tokens", out, from: [tokens]) { upstream in
        let gradient = Tensor(zeros: tokens.shape)
        copyTokens(range.count, from: upstream, at: 0, to: gradient, at: range.lowerBound)
        tokens.node?.add(gradient)
    }
}

/// Copies `count` tokens of each image from one place of [B, N, D] to another.
private func copyTokens(_ count: Int, from source: Tensor, at first: Int, to target: Tensor, at place: Int) {
    let width = source.shape[2]
    parallelFor(source.shape[0]) { image in
        (target.storage.pointer + (image * target.shape[1] + place) * width).update(
            from: source.pointer + (image * source.shape[1] + first) * width, count: count * width)
    }
}

/// Texts filled up to one length by a learned row.
///
/// - Parameters:
///   - texts: the rows of U texts without a gradient, [K, E] each with K of at most `length`; nil for a text without
///     rows.
///   - length: number of rows L of each text.
///   - filler: E values in any shape.
/// - Returns: [U, L, E].
public func filledRows(_ texts: [Tensor?], length: Int, filler: Tensor) -> Tensor {
    OperatorProfile.begin("filledRows")
    defer { OperatorProfile.end() }
    let width = filler.count
    let counts = texts.map { $0?.shape[0] ?? 0 }
    precondition(
        texts.allSatisfy { $0.map { $0.shape.count == 2 && $0.shape[1] == width && $0.shape[0] <= length } ?? true },
        "filledRows: texts \(texts.map { $0?.shape ?? [] }) do not fit \(length) rows of width \(width)")
    let out = Tensor(uninitialized: [texts.count, length, width])
    for (index, text) in texts.enumerated() {
        let start = out.storage.pointer + index * length * width
        if let text { start.update(from: text.pointer, count: text.count) }
        for row in counts[index]..<length { (start + row * width).update(from: filler.pointer, count: width) }
    }
    return Tape.record("filledRows", out, from: [filler]) { upstream in
        filler.node?.accumulateFromZero { sums in
            for (index, count) in counts.enumerated() where count < length {
                addColumnSums(
                    of: upstream.pointer + (index * length + count) * width, rows: length - count, columns: width,
                    into: sums)
            }
        }
    }
}

/// A tensor as it is, with gradients of zero for parameters that it does not depend on, so that every parameter of a
/// model has a gradient in every step.
public func withoutEffect(of parameters: [Tensor], on x: Tensor) -> Tensor {
    Tape.record("withoutEffect", x, from: [x] + parameters) { upstream in
        x.node?.add(upstream)
        for parameter in parameters { parameter.node?.accumulateFromZero { _ in } }
    }
}
