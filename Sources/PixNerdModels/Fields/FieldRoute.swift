import Foundation
import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// A model whose transformer sees one image and whose field may decode another, of other patches: other pixels of the
/// same grid.
protocol FieldModel: AlignableDenoiser {
    /// Position features of the pixels of a patch, [height * width, E].
    func positions(ofPatch height: Int, _ width: Int) -> Tensor

    /// The pixels around a patch of some density that its field decodes, too.
    func margin(ofPatch height: Int, _ width: Int) -> PatchMargin

    /// What the field reads of each pixel of noisy images [B, C, H, W] at B times, and of pictures of the condition: [B, I, H,
    /// W].
    func fieldInput(_ x: Tensor, times: [Float], _ condition: any Condition) -> Tensor

    /// Whether the model is told at which density its field is decoded. The transformer then sees averages of the
    /// pixels, at the time that their noise is worth; it otherwise sees some of the pixels.
    var isToldDensity: Bool { get }

    /// The output of the network for images that the transformer sees at fewer or more pixels.
    ///
    /// The patch grid is that of `views.seen`; each patch's field is evaluated at as many pixels as the patch has in
    /// `views.read`.
    ///
    /// - Parameters:
    ///   - condition: B conditions.
    ///   - afterBlock: Called with the number of each block, from 1, and its output tokens, [B, N, D].
    func velocity(
        _ views: FieldViews, condition: any Condition, afterBlock: (_ number: Int, _ tokens: Tensor) -> Void
    ) -> Tensor
}

extension FieldModel {
    func margin(ofPatch height: Int, _ width: Int) -> PatchMargin { .none }
    func fieldInput(_ x: Tensor, times: [Float], _ condition: any Condition) -> Tensor { x }
    var isToldDensity: Bool { false }

    /// The output of the network, and the output tokens of some blocks.
    func velocity(
        _ views: FieldViews, condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        precondition(
            blocks.allSatisfy((1...tokenBlocks).contains),
            "\(Self.self): there is no block \(blocks) of \(tokenBlocks) transformer blocks")
        var kept: [Int: Tensor] = [:]
        let velocity = velocity(views, condition: condition) { number, tokens in
            if blocks.contains(number) { kept[number] = tokens }
        }
        return (velocity, kept)
    }
}

/// A model that keeps the patch grid of its training size and decodes each patch at more or fewer pixels, by evaluating
/// its field at finer or coarser positions, as the published text-to-image model does.
///
/// The transformer of a published model sees the noisy image resized to the training size with nearest-neighbour
/// interpolation, which keeps the noise level. That of a model that is told the density sees the averages of the pixels.
/// They have less noise, so it sees them at the later time that this is worth, as images of the training size.
struct FieldRoute<Model: FieldModel>: FieldResampledDenoiser {
    private let model: Model
    /// Size of the training images.
    private let trainedSize: ImageSize

    /// - Parameter trainedSize: Size of the training images, a multiple of the model's patch size.
    init(_ model: Model, trainedSize: ImageSize) {
        precondition(
            trainedSize.shorterSide > 0 && trainedSize.isMultiple(of: model.sizeMultiple),
            "FieldRoute: images of \(trainedSize) are not a multiple of the patch size \(model.sizeMultiple)")
        self.model = model
        self.trainedSize = trainedSize
    }

    var channels: Int { model.channels }
    var parameters: [Parameter] { model.parameters }

    var tokenWidth: Int { model.tokenWidth }
    var tokenBlocks: Int { model.tokenBlocks }

    /// Rows and columns of patches; the sides of images must be multiples of them.
    var sizeMultiple: ImageSize { trainedSize.divided(by: model.sizeMultiple) }

    func timeShift(height: Int, width: Int) -> Float {
        model.isToldDensity ? 1 / seenNoise(height, width) : 1
    }

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        model.velocity(views(x, times, condition), condition: condition) { _, _ in }
    }

    func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        model.velocity(views(x, times, condition), condition: condition, tokensAfter: blocks)
    }

    func margin(ofPatch height: Int, _ width: Int) -> PatchMargin { model.margin(ofPatch: height, width) }

    func decoding(
        _ pixels: PatchPixels, of x: Tensor, times: [Float], condition: any Condition
    ) -> any AlignableDenoiser {
        PartialField(
            model: model,
            views: views(
                x, times, condition,
                positions: pixels.positions(of: model.positions(ofPatch: pixels.height, pixels.width)),
                read: pixels(model.fieldInput(x, times: times, condition))))
    }

    /// Standard deviation of what the transformer sees of independent noise of standard deviation 1.
    private func seenNoise(_ height: Int, _ width: Int) -> Float {
        noiseAveragedByArea(from: (height, width), to: (trainedSize.height, trainedSize.width))
    }

    private func views(
        _ x: Tensor, _ times: [Float], _ condition: any Condition, positions: Tensor? = nil, read: Tensor? = nil
    ) -> FieldViews {
        let read = read ?? model.fieldInput(x, times: times, condition)
        let (height, width) = (x.shape[2], x.shape[3])
        guard model.isToldDensity else {
            return FieldViews(
                seen: resizedToNearest(x, height: trainedSize.height, width: trainedSize.width), times: times,
                read: read,
                positions: positions, density: nil)
        }
        // The average is t x + (1 - t) s e, and in proportion t' x + (1 - t') e.
        let noise = seenNoise(height, width)
        let totals = times.map { $0 + (1 - $0) * noise }
        let average = averagedByArea(x, height: trainedSize.height, width: trainedSize.width)
        return FieldViews(
            seen: noise == 1
                ? average
                : Tensor.combination(
                    totals.map { 1 / $0 }, average, [Float](repeating: 0, count: times.count), average),
            times: noise == 1 ? times : zip(times, totals).map { $0 / $1 }, read: read, positions: positions,
            density: [
                log2f(Float(height) / Float(trainedSize.height)), log2f(Float(width) / Float(trainedSize.width)),
            ])
    }
}

/// A model whose transformer sees whole images and whose field decodes some pixels of each patch.
private struct PartialField<Model: FieldModel>: AlignableDenoiser {
    let model: Model
    /// Views of the whole images, with the pixels that are decoded.
    let views: FieldViews

    var channels: Int { model.channels }
    var parameters: [Parameter] { model.parameters }

    var tokenWidth: Int { model.tokenWidth }
    var tokenBlocks: Int { model.tokenBlocks }
    var sizeMultiple: ImageSize {
        ImageSize(height: views.seen.shape[2], width: views.seen.shape[3]).divided(by: model.sizeMultiple)
    }

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        model.velocity(views, condition: condition) { _, _ in }
    }

    func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        model.velocity(views, condition: condition, tokensAfter: blocks)
    }
}
