import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// A PixNerd that keeps the grid of patches that it was trained on, and decodes each patch at more or fewer pixels by
/// evaluating its field at finer or coarser positions.
///
/// The transformer sees the noisy picture resized to the size of training by taking the nearest pixel, which leaves the
/// noise what it was.
struct FieldRoute: FieldResampledDenoiser {
    private let model: PixNerd
    /// Side of the pictures of training.
    private let trainedSize: Int

    /// - Parameter trainedSize: side of the pictures of training, a multiple of the model's patch.
    init(_ model: PixNerd, trainedSize: Int) {
        precondition(
            trainedSize > 0 && trainedSize % model.sizeMultiple == 0,
            "FieldRoute: patches of \(model.sizeMultiple) do not divide pictures of \(trainedSize)")
        self.model = model
        self.trainedSize = trainedSize
    }

    var channels: Int { model.channels }
    var parameters: [Parameter] { model.parameters }

    func unconditional(_ count: Int) -> any Condition { model.unconditional(count) }

    var tokenWidth: Int { model.tokenWidth }
    var tokenBlocks: Int { model.tokenBlocks }

    /// The grid of patches must divide the picture.
    var sizeMultiple: Int { trainedSize / model.sizeMultiple }

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        model.velocity(x, seen: seen(x), times: times, condition: condition)
    }

    func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor) {
        model.velocity(x, seen: seen(x), times: times, condition: condition, tokensAfter: block)
    }

    /// This route for pictures of which only some pixels of each patch are decoded, as in training.
    ///
    /// - Parameters:
    ///   - pixels: of the patches at the density of the whole pictures.
    ///   - x: the whole pictures, noisy, [B, C, H, W].
    func decoding(_ pixels: PatchPixels, of x: Tensor) -> any AlignableDenoiser {
        PartialField(model: model, seen: seen(x), positions: pixels.positions)
    }

    private func seen(_ x: Tensor) -> Tensor { resizedToNearest(x, height: trainedSize, width: trainedSize) }
}

/// A PixNerd that is asked for some pixels of each patch, and has seen all.
private struct PartialField: AlignableDenoiser {
    let model: PixNerd
    /// What the transformer sees, [B, C, h, w].
    let seen: Tensor
    /// Position features of the decoded pixels of a patch, [Q, 64].
    let positions: Tensor

    var channels: Int { model.channels }
    var parameters: [Parameter] { model.parameters }

    func unconditional(_ count: Int) -> any Condition { model.unconditional(count) }

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
