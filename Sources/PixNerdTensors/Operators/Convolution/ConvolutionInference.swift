import CPixNerdKernels

/// Operators for networks that only run forward: convolution and pooling that write into channels of a larger tensor.
/// They have no gradient.
///
/// A block with several branches allocates its output once, and every branch writes its own channels of it.
public enum ConvolutionInference {
    /// Computes max(weight * x + bias, 0) into channels of a larger tensor.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - weight: [O, C, kh, kw].
    ///   - bias: [O].
    ///   - stride: the step of the filter in both directions.
    ///   - padding: zeros around each image.
    ///   - out: [B, O', H', W'], with the height and width that `convolution` documents.
    ///   - firstChannel: the first of the O channels of `out` to write.
    public static func rectifiedConvolution(
        _ x: Tensor, weight: Tensor, bias: Tensor, stride: Int = 1, padding: ConvolutionPadding = .none,
        into out: inout Tensor, firstChannel: Int
    ) {
        OperatorProfile.begin("rectified convolution")
        defer { OperatorProfile.end() }
        let plan = ConvolutionPlan(x: x, weight: weight, bias: bias, stride: stride, padding: padding)
        let (target, pictureStride) = place(plan.outputShape, in: &out, firstChannel, "rectifiedConvolution")
        func multiply<Element: ProductFactor>(as type: Element.Type) {
            plan.multiply(
                x.pointer, weight: weight, as: type, bias: bias.pointer, into: target, pictureStride: pictureStride,
                rectified: true)
        }
        switch Precision.current.type {
        case .fp32: multiply(as: Float.self)
        case .bf16: multiply(as: BFloat16.self)
        }
    }

    /// max(weight * x + bias, 0) in a new tensor, with the shapes of `convolution`.
    public static func rectifiedConvolution(
        _ x: Tensor, weight: Tensor, bias: Tensor, stride: Int = 1, padding: ConvolutionPadding = .none
    ) -> Tensor {
        let plan = ConvolutionPlan(x: x, weight: weight, bias: bias, stride: stride, padding: padding)
        var out = Tensor(uninitialized: plan.outputShape)
        rectifiedConvolution(
            x, weight: weight, bias: bias, stride: stride, padding: padding, into: &out, firstChannel: 0)
        return out
    }

    /// Maximum over 3 x 3 pixels, as `torch.nn.functional.max_pool2d`, written into channels of a larger tensor.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - padding: 0 or 1.
    ///   - out: [B, C', (H + 2 padding - 3) / stride + 1, (W + 2 padding - 3) / stride + 1], rounded down.
    ///   - firstChannel: the first of the C channels of `out` to write.
    public static func maxPool(
        _ x: Tensor, stride: Int, padding: Int = 0, into out: inout Tensor, firstChannel: Int
    ) {
        let (height, width) = (x.shape[2], x.shape[3])
        let shape = maxPoolShape(x, stride: stride, padding: padding)
        let (target, pictureStride) = place(shape, in: &out, firstChannel, "maxPool")
        let (plane, outPlane, channels) = (height * width, shape[2] * shape[3], shape[1])
        forEachPlane(x) { picture, range, row in
            pn_max_pool_3x3(
                range.count, height, width, stride, padding,
                x.pointer + (picture * channels + range.lowerBound) * plane, row,
                target + picture * pictureStride + range.lowerBound * outPlane)
        }
    }

    /// Maximum over 3 x 3 pixels, as `torch.nn.functional.max_pool2d`.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - padding: 0 or 1.
    /// - Returns: [B, C, (H + 2 padding - 3) / stride + 1, (W + 2 padding - 3) / stride + 1], rounded down.
    public static func maxPool(_ x: Tensor, stride: Int, padding: Int = 0) -> Tensor {
        var out = Tensor(uninitialized: maxPoolShape(x, stride: stride, padding: padding))
        maxPool(x, stride: stride, padding: padding, into: &out, firstChannel: 0)
        return out
    }

    /// Mean over each pixel of x [B, C, H, W] and its neighbors inside the image: `torch.nn.functional.avg_pool2d(x, 3,
    /// 1, 1, count_include_pad=False)`.
    ///
    /// - Returns: [B, C, H, W].
    public static func averagePool(_ x: Tensor) -> Tensor {
        let out = Tensor(uninitialized: x.shape)
        let (channels, height, width) = (x.shape[1], x.shape[2], x.shape[3])
        forEachPlane(x) { picture, range, row in
            let at = (picture * channels + range.lowerBound) * height * width
            pn_average_pool_3x3(range.count, height, width, x.pointer + at, row, out.storage.pointer + at)
        }
        return out
    }

    /// Mean of each channel: x [B, C, H, W] to [B, C].
    public static func planeMeans(_ x: Tensor) -> Tensor {
        precondition(x.shape.count == 4, "planeMeans: \(x.shape) is not [B, C, H, W]")
        let plane = x.shape[2] * x.shape[3]
        let out = Tensor(uninitialized: Array(x.shape.prefix(2)))
        parallelChunks(out.count, of: max(1, elementsPerChunk / plane)) { range in
            for i in range { out.storage.pointer[i] = Float(pn_sum_of(plane, x.pointer + i * plane) / Double(plane)) }
        }
        return out
    }

    private static func maxPoolShape(_ x: Tensor, stride: Int, padding: Int) -> [Int] {
        precondition(
            x.shape.count == 4 && min(x.shape[2], x.shape[3]) + 2 * padding >= 3 && (0...1).contains(padding)
                && stride > 0,
            "maxPool: x \(x.shape), stride \(stride), padding \(padding)")
        return [x.shape[0], x.shape[1]] + x.shape[2...].map { ($0 + 2 * padding - 3) / stride + 1 }
    }

    /// The address of the first image's channels, and the distance between images in floats.
    private static func place(
        _ shape: [Int], in out: inout Tensor, _ firstChannel: Int, _ name: String
    ) -> (UnsafeMutablePointer<Float>, pictureStride: Int) {
        precondition(
            out.shape.count == 4 && out.shape[0] == shape[0] && out.shape[2...] == shape[2...] && firstChannel >= 0
                && firstChannel + shape[1] <= out.shape[1],
            "\(name): \(shape) does not fit into \(out.shape) from channel \(firstChannel) on")
        let plane = shape[2] * shape[3]
        return (out.uniquePointer() + firstChannel * plane, out.shape[1] * plane)
    }

    /// Runs `body` for some channels of each image at a time, on all threads, with scratch memory for one row.
    private static func forEachPlane(
        _ x: Tensor, _ body: (_ picture: Int, _ channels: Range<Int>, _ row: UnsafeMutablePointer<Float>) -> Void
    ) {
        precondition(x.shape.count == 4, "pooling: \(x.shape) is not [B, C, H, W]")
        let (channels, plane) = (x.shape[1], x.shape[2] * x.shape[3])
        let together = max(1, min(channels, elementsPerChunk / plane))
        let parts = (channels + together - 1) / together
        parallelFor(x.shape[0] * parts) { index in
            let first = index % parts * together
            withWorkspace(x.shape[3]) { row in
                body(index / parts, first..<min(first + together, channels), row)
            }
        }
    }
}
