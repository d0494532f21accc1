import CPixNerdKernels

/// Zero padding around an image.
public struct ConvolutionPadding: Sendable, Equatable {
    public let top: Int
    public let bottom: Int
    public let left: Int
    public let right: Int

    public init(top: Int = 0, bottom: Int = 0, left: Int = 0, right: Int = 0) {
        (self.top, self.bottom, self.left, self.right) = (top, bottom, left, right)
    }

    public static let none = ConvolutionPadding()

    /// Equal padding at the top and bottom, and equal padding on the left and right.
    public init(vertical: Int, horizontal: Int) {
        self.init(top: vertical, bottom: vertical, left: horizontal, right: horizontal)
    }

    /// Equal padding on all four sides.
    public init(_ side: Int) {
        self.init(vertical: side, horizontal: side)
    }
}

/// Convolution as `torch.nn.functional.conv2d` (a cross-correlation), with separate padding on each side.
///
/// - Parameters:
///   - x: [B, C, H, W].
///   - weight: [O, C, kh, kw].
///   - bias: [O], or nil.
///   - stride: the step of the filter in both directions.
///   - padding: zeros around each image.
///   - rectified: whether negative results become 0 (ReLU). Only the result is kept for the backward pass.
/// - Returns: [B, O, (H + top + bottom - kh) / stride + 1, (W + left + right - kw) / stride + 1], rounded down.
public func convolution(
    _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: ConvolutionPadding = .none,
    rectified: Bool = false
) -> Tensor {
    OperatorProfile.begin("convolution")
    defer { OperatorProfile.end() }
    let plan = ConvolutionPlan(x: x, weight: weight, bias: bias, stride: stride, padding: padding)
    let out = Tensor(uninitialized: plan.outputShape)
    plan.multiply(
        x.pointer, weight: weight, as: Float.self, bias: bias?.pointer, into: out.storage.pointer,
        rectified: rectified)
    return Tape.record("convolution", out, from: [x, weight] + (bias.map { [$0] } ?? [])) { upstream in
        let upstream = rectified ? maskedByPositive(upstream, out) : upstream
        weight.node?.accumulate { pointer, beta in
            plan.addWeightGradient(x.pointer, upstream: upstream.pointer, beta: beta, into: pointer)
        }
        bias?.node?.accumulateFromZero { pointer in
            plan.addBiasGradient(upstream: upstream.pointer, into: pointer)
        }
        x.node?.accumulate { pointer, beta in
            plan.addInputGradient(upstream: upstream.pointer, weight: weight.pointer, beta: beta, into: pointer)
        }
    }
}

/// The gradient before the ReLU: 0 where `out` is not positive.
private func maskedByPositive(_ upstream: Tensor, _ out: Tensor) -> Tensor {
    let gradient = upstream.copied()
    parallelChunks(out.count, of: elementsPerChunk) { range in
        let at = range.lowerBound
        pn_relu_backward(range.count, out.pointer + at, gradient.storage.pointer + at)
    }
    return gradient
}
