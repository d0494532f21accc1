import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// A model whose transformer sees one image and whose field may decode another, of other patches: other pixels of the
/// same grid.
protocol FieldModel: AlignableDenoiser {
    /// Position features of the pixels of a patch, [height * width, F].
    func positions(ofPatch height: Int, _ width: Int) -> Tensor

    /// The velocity of images that the transformer sees at fewer or more pixels.
    ///
    /// The patch grid is that of `seen`; each patch's field is evaluated at as many pixels as the patch has in `x`.
    ///
    /// - Parameters:
    ///   - x: Noisy images, [B, C, H, W]; H and W are multiples of the grid's rows and columns.
    ///   - seen: Images that the transformer sees, [B, C, h, w]; h and w are multiples of the patch size.
    ///   - positions: Position features of a patch's pixels, [Q, F]; nil for evenly spaced pixels.
    ///   - times: B times.
    ///   - condition: B conditions.
    ///   - afterBlock: Called with the number of each block, from 1, and its output tokens, [B, N, D].
    func velocity(
        _ x: Tensor, seen: Tensor, positions: Tensor?, times: [Float], condition: any Condition,
        afterBlock: (_ number: Int, _ tokens: Tensor) -> Void
    ) -> Tensor
}

extension FieldModel {
    func velocity(
        _ x: Tensor, seen: Tensor, positions: Tensor? = nil, times: [Float], condition: any Condition
    ) -> Tensor {
        velocity(x, seen: seen, positions: positions, times: times, condition: condition) { _, _ in }
    }

    /// The velocity of images that the transformer sees resized, and the output tokens of a block.
    func velocity(
        _ x: Tensor, seen: Tensor, positions: Tensor? = nil, times: [Float], condition: any Condition,
        tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor) {
        precondition(
            (1...tokenBlocks).contains(block),
            "\(Self.self): there is no block \(block) of \(tokenBlocks) transformer blocks")
        var kept: Tensor?
        let velocity = velocity(x, seen: seen, positions: positions, times: times, condition: condition) {
            number, tokens in
            if number == block { kept = tokens }
        }
        return (velocity, kept!)
    }
}

/// A model that keeps the patch grid of its training size and decodes each patch at more or fewer pixels, by evaluating
/// its field at finer or coarser positions, as the published text-to-image model does.
///
/// The transformer sees the noisy image resized to the training size with nearest-neighbour interpolation, which keeps
/// the noise level.
struct FieldRoute<Model: FieldModel>: FieldResampledDenoiser {
    private let model: Model
    /// Side of the training images.
    private let trainedSize: Int

    /// - Parameter trainedSize: Side of the training images, a multiple of the model's patch size.
    init(_ model: Model, trainedSize: Int) {
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
        PartialField(
            model: model, seen: seen(x),
            positions: pixels.positions(of: model.positions(ofPatch: pixels.height, pixels.width)))
    }

    private func seen(_ x: Tensor) -> Tensor { resizedToNearest(x, height: trainedSize, width: trainedSize) }
}

/// A model whose transformer sees whole images and whose field decodes some pixels of each patch.
private struct PartialField<Model: FieldModel>: AlignableDenoiser {
    let model: Model
    /// Images that the transformer sees, [B, C, h, w].
    let seen: Tensor
    /// Position features of the decoded pixels of a patch, [Q, F].
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
