import PixNerdTensors

/// A linear layer: x W^T + b over the last axis.
public struct Linear: Sendable {
    /// [out, in]
    public let weight: Parameter
    /// [out]
    public let bias: Parameter?

    /// - Parameters:
    ///   - scope: the scope of `weight` and `bias`.
    ///   - weightInitializer: initial values of the weight; those of `torch.nn.Linear` if nil.
    ///   - biasInitializer: initial values of the bias; those of `torch.nn.Linear` if nil.
    public init(
        _ scope: ParameterScope, inputs: Int, outputs: Int, bias hasBias: Bool = true,
        weightInitializer: Initializer? = nil, biasInitializer: Initializer? = nil
    ) {
        let usual = Initializer.linearDefault(inputs: inputs)
        weight = scope.parameter("weight", shape: [outputs, inputs], weightInitializer ?? usual)
        bias = hasBias ? scope.parameter("bias", shape: [outputs], biasInitializer ?? usual) : nil
    }

    /// Maps x [..., in] to [..., out].
    ///
    /// - Parameter isRounded: whether the result may be stored in bf16 only, for operators that round it; see `linear`.
    public func callAsFunction(_ x: Tensor, isRounded: Bool = false) -> Tensor {
        linear(x, weight: weight.tensor, bias: bias?.tensor, isRounded: isRounded)
    }
}

/// The weight of an RMSNorm. The normalization itself is part of the operators that use the weight.
public struct RMSNormWeight: Sendable {
    /// [width]
    public let weight: Parameter

    public init(_ scope: ParameterScope, width: Int) {
        weight = scope.parameter("weight", shape: [width], .ones)
    }
}
