import PixNerdTensors

/// A convolution over images, as `torch.nn.Conv2d`.
public struct Convolution: Sendable {
    /// [out, in, kh, kw]
    public let weight: Parameter
    /// [out]
    public let bias: Parameter?
    public let stride: Int
    public let padding: ConvolutionPadding

    /// - Parameters:
    ///   - scope: the scope of `weight` and `bias`, which are initialized like those of `torch.nn.Conv2d`.
    ///   - kernel: height and width of the filter.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, kernel: (height: Int, width: Int), stride: Int = 1,
        padding: ConvolutionPadding = .none, bias hasBias: Bool = true
    ) {
        let usual = Initializer.linearDefault(inputs: inputs * kernel.height * kernel.width)
        weight = scope.parameter("weight", shape: [outputs, inputs, kernel.height, kernel.width], usual)
        bias = hasBias ? scope.parameter("bias", shape: [outputs], usual) : nil
        self.stride = stride
        self.padding = padding
    }

    /// Convolves x [B, in, H, W].
    ///
    /// - Returns: [B, out, H', W'], with the height and width that `convolution` documents.
    public func callAsFunction(_ x: Tensor) -> Tensor {
        convolution(x, weight: weight.tensor, bias: bias?.tensor, stride: stride, padding: padding)
    }
}
