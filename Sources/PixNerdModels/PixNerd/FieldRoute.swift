import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// A PixNerd that keeps the patch grid of its training size and decodes each patch at more or fewer pixels, by
/// evaluating its field at finer or coarser positions.
///
/// The transformer sees the noisy image resized to the training size with nearest-neighbour interpolation, which keeps
/// the noise level.
struct FieldRoute: FieldResampledDenoiser {
    private let model: PixNerd
    /// Side of the training images.
    private let trainedSize: Int

    /// - Parameter trainedSize: Side of the training images, a multiple of the model's patch size.
    init(_ model: PixNerd, trainedSize: Int) {
        precondition(
            trainedSize > 0 && trainedSize % model.sizeMultiple == 0,
            "FieldRoute: images of \(trainedSize) are not a multiple of the patch size \(model.sizeMultiple)")
        self.model = model
        self.trainedSize = trainedSize
    }

    var channels: Int { model.channels }
    var parameters: [Parameter] { model.parameters }

    var tokenWidth: Int { model.tokenWidth }
    var tokenBlocks: Int { model.tokenBlocks }

    /// Patches per side; the sides of images must be multiples of it.
    var sizeMultiple: Int { trainedSize / model.sizeMultiple }

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        model.velocity(x, seen: seen(x), times: times, condition: condition)
    }

    func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor) {
        model.velocity(x, seen: seen(x), times: times, condition: condition, tokensAfter: block)
    }

    /// A denoiser that decodes only some pixels of each patch, as in training.
    ///
    /// - Parameters:
    ///   - pixels: Pixels of the patches at the density of the whole images.
    ///   - x: The whole noisy images, [B, C, H, W].
    func decoding(_ pixels: PatchPixels, of x: Tensor) -> any AlignableDenoiser {
        PartialField(model: model, seen: seen(x), positions: pixels.positions)
    }

    private func seen(_ x: Tensor) -> Tensor { resizedToNearest(x, height: trainedSize, width: trainedSize) }
}

/// A PixNerd whose transformer sees whole images and whose field decodes some pixels of each patch.
private struct PartialField: AlignableDenoiser {
    let model: PixNerd
    /// Images that the transformer sees, [B, C, h, w].
    let seen: Tensor
    /// Position features of the decoded pixels of a patch, [Q, 64].
    let positions: Tensor

    var channels: Int { model.channels }
    var parameters: [Parameter] { model.parameters }

    var tokenWidth: Int { model.tokenWidth }
    var tokenBlocks: Int { model.tokenBlocks }
    var sizeMultiple: Int { seen.shape[2] / model.sizeMultiple }

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        model.velocity(x, seen: seen, positions: positions, times: times, condition: condition)
    }

    func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor) {
        model.velocity(x, seen: seen, positions: positions, times: times, condition: condition, tokensAfter: block)
    }
}
