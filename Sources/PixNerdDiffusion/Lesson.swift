import PixNerdTensors

/// The velocity that a model of few steps should give at the points of a batch, in the place of that of the path.
public struct Lesson: Sendable {
    /// The velocities, [B, C, H, W], which are held constant.
    public let velocity: Tensor
    /// Whether the squared error of each image is divided by its own value, held constant, so that all images weigh alike
    /// (MeanFlow; Geng et al., arXiv 2505.13447).
    public let isAdaptive: Bool

    public init(velocity: Tensor, isAdaptive: Bool = false) {
        (self.velocity, self.isAdaptive) = (velocity, isAdaptive)
    }

    /// What is added to an image's sum of squares before it divides.
    private static let adaptiveFloor = 0.01

    /// The loss of velocities, on the tape, and the mean squared error of each image as it is.
    func loss(_ given: Tensor) -> (mean: Tensor, pictures: [Float]) {
        let ones = [Float](repeating: 1, count: given.shape[0])
        guard isAdaptive else { return weightedSquaredError(given, target: velocity, factors: ones) }
        let pictures = weightedSquaredError(given.detached, target: velocity, factors: ones).pictures
        let size = Double(given.count / given.shape[0])
        // The loss is s / (s + floor) of the sum s of an image's squares, and the operator divides s by their number.
        let factors = pictures.map { Float(size / (Double($0) * size + Self.adaptiveFloor)) }
        return (weightedSquaredError(given, target: velocity, factors: factors).mean, pictures)
    }
}
