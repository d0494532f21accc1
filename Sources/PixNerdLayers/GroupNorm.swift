import PixNerdTensors

/// GroupNorm over the channels of images, as `torch.nn.GroupNorm`.
public struct GroupNorm: Sendable {
    /// [channels]
    public let weight: Parameter
    /// [channels]
    public let bias: Parameter
    public let groups: Int
    public let epsilon: Double

    /// - Precondition: `groups` divides `channels`.
    public init(_ scope: ParameterScope, channels: Int, groups: Int, epsilon: Double = 1e-6) {
        weight = scope.parameter("weight", shape: [channels], .ones)
        bias = scope.parameter("bias", shape: [channels], .zeros)
        self.groups = groups
        self.epsilon = epsilon
    }

    /// Normalizes x [B, channels, H, W], then applies SiLU if `silu` is set. The shape does not change.
    ///
    /// - Parameter frames: images in a row that share mean and variance, for the frames of clips.
    public func callAsFunction(_ x: Tensor, silu: Bool = false, frames: Int = 1) -> Tensor {
        groupNorm(
            x, weight: weight.tensor, bias: bias.tensor, groups: groups, silu: silu, epsilon: epsilon, frames: frames)
    }
}
