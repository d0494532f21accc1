import PixNerdDiffusion
import PixNerdTensors

/// A batch of noisy images as the transformer and the field see it.
struct FieldViews {
    /// The images that the transformer sees, [B, C, h, w].
    let seen: Tensor
    /// B times of `seen`.
    let times: [Float]
    /// What the field reads of the pixels that it decodes, [B, I, H, W], on as many patches as `seen` has.
    let read: Tensor
    /// Position features of the pixels of a patch that are decoded, [Q, E]; nil if it is all of them.
    var positions: Tensor?
    /// The base 2 logarithms of the pixels decoded for each pixel of the training size, along height and width; nil for
    /// a model that is not told.
    var density: [Float]?

    /// Images that the transformer sees as they are.
    init(_ x: Tensor, times: [Float], _ condition: any Condition, model: some FieldModel) {
        (seen, self.times) = (x, times)
        read = model.fieldInput(x, times: times, condition)
        density = model.isToldDensity ? [0, 0] : nil
    }

    init(seen: Tensor, times: [Float], read: Tensor, positions: Tensor?, density: [Float]?) {
        (self.seen, self.times, self.read, self.positions) = (seen, times, read, positions)
        self.density = density
    }

    /// A condition with the density added for models that are told.
    func condition(_ condition: any Condition) -> any Condition {
        guard let density else { return condition }
        return condition.telling(ModelNumbers(density: [[Float]](repeating: density, count: condition.count)))
    }
}
