import PixNerdTensors

/// A class-conditional model of the velocity of a flow: what training, samplers and evaluation know of a model.
public protocol Denoiser: Sendable {
    /// Channels of what is diffused.
    var channels: Int { get }
    /// How many classes there are; label `classes` stands for no class.
    var classes: Int { get }
    /// Height and width must be multiples of this.
    var sizeMultiple: Int { get }
    var parameters: [Parameter] { get }

    /// The velocity at `x`.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - times: B times; 0 is noise, 1 is data.
    ///   - labels: B labels in 0 ... classes.
    /// - Returns: [B, C, H, W].
    func velocity(_ x: Tensor, times: [Float], labels: [Int]) -> Tensor
}

/// A denoiser of tokens, which can be aligned with an encoder's features half-way.
public protocol AlignableDenoiser: Denoiser {
    /// D, the width of the tokens.
    var tokenWidth: Int { get }
    /// How many blocks the tokens pass.
    var tokenBlocks: Int { get }

    /// The velocity at `x`, and the tokens that leave a block.
    ///
    /// - Parameter block: counted from 1, at most `tokenBlocks`.
    /// - Returns: [B, C, H, W], and [B, N, D] with a token for each patch, row by row.
    func velocity(
        _ x: Tensor, times: [Float], labels: [Int], tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor)
}

extension Denoiser {
    /// The label that stands for no class.
    public var nullLabel: Int { classes }

    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }
}
