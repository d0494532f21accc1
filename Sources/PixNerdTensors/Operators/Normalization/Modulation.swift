import CPixNerdKernels

/// One of the six parts of an adaLN modulation [B, 6 D].
public enum ModulationPart: Int, Sendable {
    case attentionShift, attentionScale, attentionGate, feedForwardShift, feedForwardScale, feedForwardGate
}

/// RMSNorm(x) * weight * (1 + scale) + shift, with shift and scale per image (adaLN: Peebles and Xie, arXiv 2212.09748,
/// section 3.2).
///
/// - Parameters:
///   - x: [B, N, D].
///   - weight: [D].
///   - modulation: [B, 6 D], six parts of width D.
///   - shift: the part of the modulation that is the shift.
///   - scale: the part of the modulation that is the scale.
/// - Returns: [B, N, D].
public func modulatedRMSNorm(
    _ x: Tensor, weight: Tensor, modulation: Tensor, shift: ModulationPart, scale: ModulationPart,
    epsilon: Float = 1e-6
) -> Tensor {
    OperatorProfile.begin("modulatedRMSNorm")
    defer { OperatorProfile.end() }
    let (batch, tokens, width) = (x.shape[0], x.shape[1], x.shape[2])
    checkModulation("modulatedRMSNorm", x: x, modulation: modulation)
    precondition(weight.shape == [width], "modulatedRMSNorm: weight \(weight.shape) does not fit x \(x.shape)")
    let stride = modulation.shape[1]
    let shifts = modulation.pointer + shift.rawValue * width
    let scales = modulation.pointer + scale.rawValue * width
    let result = PartlyRounded(
        shape: x.shape, rounds: Precision.roundsResults(rows: batch * tokens, width: width))
    let reciprocal = Tensor(uninitialized: [batch, tokens])
    let rowsPerChunk = 16
    let chunks = (tokens + rowsPerChunk - 1) / rowsPerChunk
    parallelFor(batch * chunks) { index in
        let (picture, token) = (index / chunks, index % chunks * rowsPerChunk)
        let row = picture * tokens + token
        let rows = min(rowsPerChunk, tokens - token)
        result.write(at: row * width, count: rows * width) { out in
            pn_modulated_rms_norm_forward(
                rows, width, epsilon, x.pointer + row * width, weight.pointer, shifts + picture * stride,
                scales + picture * stride, out, reciprocal.storage.pointer + row)
        }
    }
    let out = result.tensor
    func recorded<Element: ProductFactor>(keepingAs type: Element.Type) -> Tensor {
        let node = x.node
        return Tape.record(
            "modulatedRMSNorm", out, from: [x, weight, modulation], keeping: x.rounded(to: type)
        ) { upstream, kept in
            let gradient = Tensor(uninitialized: upstream.shape)
            let scales = modulation.pointer + scale.rawValue * width
            // Two sums per image, side by side: of the upstream gradient, and of the upstream gradient times the
            // normalized x.
            let sums = sumOverTokens(batch: batch, tokens: tokens, width: 2 * width) { picture, range, sums in
                let row = picture * tokens + range.lowerBound
                withWorkspace(range.count * width) { room in
                    pn_modulated_rms_norm_backward(
                        range.count, width,
                        type.widened(kept.pointer + row * width, count: range.count * width, in: room), weight.pointer,
                        scales + picture * stride, reciprocal.pointer + row, upstream.pointer + row * width,
                        gradient.storage.pointer + row * width, sums, sums + width)
                }
            }
            node?.add(gradient)
            addModulationGradients(
                weight: weight, modulation: modulation, sums: sums, shift: shift, scale: scale, width: width)
        }
    }
    return switch Precision.current.type {
    case .fp32: recorded(keepingAs: Float.self)
    case .bf16: recorded(keepingAs: BFloat16.self)
    }
}

/// Adds the gradients of shift, scale and weight, from the sums over tokens.
private func addModulationGradients(
    weight: Tensor, modulation: Tensor, sums: Tensor, shift: ModulationPart, scale: ModulationPart, width: Int
) {
    let (batch, stride) = (modulation.shape[0], modulation.shape[1])
    modulation.node?.accumulateFromZero { pointer in
        for picture in 0..<batch {
            let upstreamSum = sums.pointer + picture * 2 * width
            let shiftGradient = pointer + picture * stride + shift.rawValue * width
            let scaleGradient = pointer + picture * stride + scale.rawValue * width
            for i in 0..<width {
                shiftGradient[i] += upstreamSum[i]
                scaleGradient[i] += upstreamSum[width + i] * weight.pointer[i]
            }
        }
    }
    weight.node?.accumulateFromZero { pointer in
        for picture in 0..<batch {
            let normalizedSum = sums.pointer + picture * 2 * width + width
            let scales = modulation.pointer + picture * stride + scale.rawValue * width
            for i in 0..<width { pointer[i] += normalizedSum[i] * (1 + scales[i]) }
        }
    }
}

/// x + gate * y, with a gate per image.
///
/// - Parameters:
///   - x: [B, N, D].
///   - y: [B, N, D].
///   - modulation: [B, 6 D], six parts of width D.
///   - gate: the part of the modulation that is the gate.
/// - Returns: [B, N, D].
public func gatedResidual(_ x: Tensor, _ y: Tensor, modulation: Tensor, gate: ModulationPart) -> Tensor {
    OperatorProfile.begin("gatedResidual")
    defer { OperatorProfile.end() }
    let (batch, tokens, width) = (x.shape[0], x.shape[1], x.shape[2])
    checkModulation("gatedResidual", x: x, modulation: modulation)
    precondition(y.shape == x.shape, "gatedResidual: shapes \(x.shape) and \(y.shape) differ")
    let stride = modulation.shape[1]
    let gates = modulation.pointer + gate.rawValue * width
    let out = Tensor(uninitialized: x.shape)
    let rowsPerChunk = 16
    let chunks = (tokens + rowsPerChunk - 1) / rowsPerChunk
    parallelFor(batch * chunks) { index in
        let (picture, token) = (index / chunks, index % chunks * rowsPerChunk)
        let at = (picture * tokens + token) * width
        pn_gated_residual_forward(
            min(rowsPerChunk, tokens - token), width, x.pointer + at, y.pointer + at, gates + picture * stride,
            out.storage.pointer + at)
    }
    // The gradient of y is usually read by a linear layer.
    let rounds = Precision.roundsResults(rows: batch * tokens, width: width)
    func recorded<Element: ProductFactor>(keepingAs type: Element.Type) -> Tensor {
        let (residualNode, node) = (x.node, y.node)
        return Tape.record(
            "gatedResidual", out, from: [x, y, modulation], keeping: y.rounded(to: type)
        ) { upstream, kept in
            let gates = modulation.pointer + gate.rawValue * width
            let gradient = PartlyRounded(shape: upstream.shape, rounds: rounds)
            let sums = sumOverTokens(batch: batch, tokens: tokens, width: width) { picture, range, sums in
                let at = (picture * tokens + range.lowerBound) * width
                withWorkspace(range.count * width) { room in
                    gradient.write(at: at, count: range.count * width) { gradient in
                        pn_gated_residual_backward(
                            range.count, width, type.widened(kept.pointer + at, count: range.count * width, in: room),
                            gates + picture * stride, upstream.pointer + at, gradient, sums)
                    }
                }
            }
            residualNode?.add(upstream)
            node?.add(gradient.tensor)
            modulation.node?.accumulateFromZero { pointer in
                for picture in 0..<batch {
                    let at = picture * stride + gate.rawValue * width
                    pn_accumulate(width, sums.pointer + picture * width, pointer + at)
                }
            }
        }
    }
    return switch Precision.current.type {
    case .fp32: recorded(keepingAs: Float.self)
    case .bf16: recorded(keepingAs: BFloat16.self)
    }
}

private func checkModulation(_ name: String, x: Tensor, modulation: Tensor) {
    precondition(
        x.shape.count == 3 && modulation.shape.count == 2 && modulation.shape[0] == x.shape[0]
            && modulation.shape[1] == 6 * x.shape[2],
        "\(name): modulation \(modulation.shape) does not fit x \(x.shape)")
}
