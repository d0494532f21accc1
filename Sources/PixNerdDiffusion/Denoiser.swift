import PixNerdSupport
import PixNerdTensors

/// A model that predicts the velocity of a flow: all that training, samplers and evaluation know about a model.
public protocol Denoiser: Sendable {
    /// Channels of the data that is diffused.
    var channels: Int { get }
    /// Height and width of the data must be multiples of these.
    var sizeMultiple: ImageSize { get }
    var parameters: [Parameter] { get }
    /// What checkpoints hold besides the parameters, and training leaves as it is.
    var constants: [Parameter] { get }
    /// Standard deviation of the noise that samples start from; 1 unless the model was trained on other noise.
    var noiseScale: Float { get }

    /// The predicted velocity.
    ///
    /// - Parameters:
    ///   - x: Noisy data, [B, C, H, W].
    ///   - times: B times; 0 is noise, 1 is data.
    ///   - condition: B entries of the kind that this denoiser takes.
    /// - Returns: [B, C, H, W].
    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor

    /// The data that a velocity predicts: x + (1 - t) v, or the network's own prediction if that is an image.
    ///
    /// - Parameters:
    ///   - velocity: Velocity at the time, perhaps guided, [B, C, H, W].
    ///   - x: Noisy data, [B, C, H, W].
    ///   - time: Time of all images.
    func predicted(_ velocity: Tensor, from x: Tensor, at time: Float) -> Tensor

    /// This denoiser for a sampling that evaluates it last at some time before 1.
    func sampled(until time: Float) -> Self

    /// The shift of the times of images of some size that has the transformer see those of the training size at the same
    /// times as ever: above 1 for larger images, whose pixels together show more; 1 for models that do not average them.
    func timeShift(height: Int, width: Int) -> Float

    /// This denoiser with the token grid of training for images of any size; nil if it has no such mode.
    ///
    /// - Parameter trainedSize: Size of the training data, in pixels or latents.
    func fieldResampled(trainedSize: ImageSize) -> (any FieldResampledDenoiser)?
}

/// A transformer denoiser whose hidden tokens can be aligned with an encoder's features (REPA).
public protocol AlignableDenoiser: Denoiser {
    /// Token width D.
    var tokenWidth: Int { get }
    /// Number of transformer blocks that the tokens pass.
    var tokenBlocks: Int { get }

    /// The predicted velocity, and the tokens after some blocks.
    ///
    /// - Parameter blocks: Block numbers, from 1 to `tokenBlocks`.
    /// - Returns: [B, C, H, W], and for each block [B, N, D] with one token per patch, row by row.
    func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor])
}

/// A denoiser that keeps the token grid of training and decodes each patch at more or fewer pixels.
public protocol FieldResampledDenoiser: AlignableDenoiser {
    /// The pixels around a patch of some size in pixels that its field decodes, too.
    func margin(ofPatch height: Int, _ width: Int) -> PatchMargin

    /// This denoiser for a part of each patch's pixels of one batch, as in training.
    ///
    /// - Parameters:
    ///   - pixels: Pixels of the patches at the density of the whole images.
    ///   - x: The whole noisy images, [B, C, H, W].
    ///   - times: B times.
    ///   - condition: B conditions, whose pictures the field may read.
    func decoding(
        _ pixels: PatchPixels, of x: Tensor, times: [Float], condition: any Condition
    ) -> any AlignableDenoiser
}

extension Denoiser {
    public var noiseScale: Float { 1 }

    public var constants: [Parameter] { [] }

    public func sampled(until time: Float) -> Self { self }

    public func timeShift(height: Int, width: Int) -> Float { 1 }

    public func predicted(_ velocity: Tensor, from x: Tensor, at time: Float) -> Tensor {
        Tensor.combination(1, x, 1 - time, velocity)
    }

    public func fieldResampled(trainedSize: ImageSize) -> (any FieldResampledDenoiser)? { nil }

    /// Number of weights.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }
}
