import PixNerdTensors

/// A convolution over the frames of clips and their pixels that sees no frame ahead (see `causalConvolution`), with the
/// size of the frames unchanged.
public struct CausalConvolution: Sendable {
    /// [out, in, k, k, k]
    public let weight: Parameter
    /// [out]
    public let bias: Parameter?
    public let timeStride: Int
    /// Whether each two channels of the result become two frames of one channel.
    public let doublesTime: Bool

    /// - Parameters:
    ///   - scope: the scope of `weight` and `bias`, which are initialized like those of `torch.nn.Conv3d`.
    ///   - kernel: frames, height and width of the filter, odd.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, kernel: Int = 3, timeStride: Int = 1,
        doublesTime: Bool = false, bias hasBias: Bool = true
    ) {
        let usual = Initializer.linearDefault(inputs: inputs * kernel * kernel * kernel)
        weight = scope.parameter("weight", shape: [outputs, inputs, kernel, kernel, kernel], usual)
        bias = hasBias ? scope.parameter("bias", shape: [outputs], usual) : nil
        (self.timeStride, self.doublesTime) = (timeStride, doublesTime)
    }

    /// Convolves x [B T, in, H, W], the T frames of each clip one after another.
    ///
    /// - Parameter frames: T, a multiple of `timeStride`.
    /// - Returns: [B T / timeStride, out, H, W]; with `doublesTime` twice the frames of out / 2 channels.
    public func callAsFunction(_ x: Tensor, frames: Int) -> Tensor {
        let (weight, kernel) = (weight.tensor, weight.value.shape[2])
        // A filter of one frame and one pixel needs no frames but its own.
        if kernel == 1, timeStride == 1, !doublesTime {
            return convolution(
                x, weight: weight.reshaped(Array(weight.shape[..<2]) + [1, 1]), bias: bias?.tensor)
        }
        return causalConvolution(
            x, weight: weight, bias: bias?.tensor, frames: frames, timeStride: timeStride,
            padding: ConvolutionPadding(kernel / 2), doublesTime: doublesTime)
    }
}
