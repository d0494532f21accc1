import Layers
import Tensors

/// A PixNerd that keeps the grid of patches that it was trained on, and decodes each patch at more or fewer pixels by
/// evaluating its field at finer or coarser positions.
///
/// The transformer sees the noisy picture resized to the size of training by taking the nearest pixel, which leaves the
/// noise what it was.
public struct FieldRoute: AlignableDenoiser {
    private let model: PixNerd
    /// Side of the pictures of training.
    private let trainedSize: Int

    /// - Parameter trainedSize: side of the pictures of training, a multiple of the model's patch.
    public init(_ model: PixNerd, trainedSize: Int) {
        precondition(
            trainedSize > 0 && trainedSize % model.sizeMultiple == 0,
            "FieldRoute: patches of \(model.sizeMultiple) do not divide pictures of \(trainedSize)")
        self.model = model
        self.trainedSize = trainedSize
    }

    public var channels: Int { model.channels }
    public var classes: Int { model.classes }
    public var parameters: [Parameter] { model.parameters }
    public var tokenWidth: Int { model.tokenWidth }
    public var tokenBlocks: Int { model.tokenBlocks }

    /// The grid of patches must divide the picture.
    public var sizeMultiple: Int { trainedSize / model.sizeMultiple }

    public func velocity(_ x: Tensor, times: [Float], labels: [Int]) -> Tensor {
        model.velocity(x, seen: seen(x), times: times, labels: labels)
    }

    public func velocity(
        _ x: Tensor, times: [Float], labels: [Int], tokensAfter block: Int
    ) -> (velocity: Tensor, tokens: Tensor) {
        model.velocity(x, seen: seen(x), times: times, labels: labels, tokensAfter: block)
    }

    private func seen(_ x: Tensor) -> Tensor { resizedToNearest(x, height: trainedSize, width: trainedSize) }
}
