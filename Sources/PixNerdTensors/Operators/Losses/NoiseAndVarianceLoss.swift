import Foundation

/// The numbers of a diffusion step that the loss of a learned variance needs (Ho et al., arXiv 2006.11239; Nichol and
/// Dhariwal, arXiv 2102.09672, section 3.1).
public struct DiffusionStepNumbers: Sendable {
    /// Factors of data and noise in the noisy data.
    public var alpha, sigma: Double
    /// Logarithms of the largest and the smallest variance of a step back.
    public var largestLogVariance, smallestLogVariance: Double
    /// Factors of clean and noisy data in the mean of a step back.
    public var ofClean, ofNoisy: Double
    /// Whether this is the step from which clean data is reached, scored by the likelihood of its 256 levels.
    public var isLast: Bool

    public init(
        alpha: Double, sigma: Double, largestLogVariance: Double, smallestLogVariance: Double, ofClean: Double,
        ofNoisy: Double, isLast: Bool
    ) {
        (self.alpha, self.sigma) = (alpha, sigma)
        (self.largestLogVariance, self.smallestLogVariance) = (largestLogVariance, smallestLogVariance)
        (self.ofClean, self.ofNoisy, self.isLast) = (ofClean, ofNoisy, isLast)
    }
}

/// The loss of a diffusion model that predicts noise and the variance of a step back: the mean squared error of the noise,
/// plus the variational bound in bits per number, whose gradient reaches the variance alone (Nichol and Dhariwal, arXiv
/// 2102.09672, section 4).
///
/// - Parameters:
///   - output: [B, 2 C, H, W]: noise, and where the log variance lies between its bounds, -1 at the smallest and 1 at the
///     largest.
///   - data: clean data, [B, C, H, W].
///   - noise: [B, C, H, W].
///   - steps: B steps.
/// - Returns: the mean over images, of shape [1], and both parts of each image.
public func noiseAndVarianceLoss(
    _ output: Tensor, data: Tensor, noise: Tensor, steps: [DiffusionStepNumbers]
) -> (mean: Tensor, errors: [Float], bounds: [Float]) {
    OperatorProfile.begin("noiseAndVarianceLoss")
    defer { OperatorProfile.end() }
    precondition(
        data.shape == noise.shape && data.shape.count == 4 && steps.count == data.shape[0]
            && output.shape == [data.shape[0], 2 * data.shape[1]] + data.shape.dropFirst(2),
        "noiseAndVarianceLoss: output \(output.shape), data \(data.shape), noise \(noise.shape) and \(steps.count) steps "
            + "do not fit")
    let (batch, size) = (data.shape[0], data.count / data.shape[0])
    let sums = Tensor(zeros: [batch, 2])
    /// Calls `body` with the error of the noise and the bound with its derivative for each number of an image.
    func each(_ image: Int, _ body: (_ index: Int, _ error: Double, _ bound: (value: Double, slope: Double)) -> Void) {
        let (x, e) = (data.pointer + image * size, noise.pointer + image * size)
        let predicted = output.pointer + 2 * image * size
        for index in 0..<size {
            let error = Double(predicted[index]) - Double(e[index])
            body(
                index, error,
                steps[image].bound(
                    data: Double(x[index]), noise: Double(e[index]), error: error,
                    share: Double(predicted[size + index])))
        }
    }
    parallelFor(batch) { image in
        var (errors, bounds) = (0.0, 0.0)
        each(image) { _, error, bound in
            errors += error * error
            bounds += bound.value
        }
        sums.storage.pointer[2 * image] = Float(errors / Double(size))
        sums.storage.pointer[2 * image + 1] = Float(bounds / Double(size))
    }
    let values = sums.values
    let (errors, bounds) = ((0..<batch).map { values[2 * $0] }, (0..<batch).map { values[2 * $0 + 1] })
    let mean = values.reduce(0.0) { $0 + Double($1) } / Double(batch)
    let loss = Tape.record("noiseAndVarianceLoss", Tensor([Float(mean)], shape: [1]), from: [output]) { upstream in
        let gradient = Tensor(uninitialized: output.shape)
        let scale = Double(upstream.scalar) / Double(data.count)
        parallelFor(batch) { image in
            let target = gradient.storage.pointer + 2 * image * size
            each(image) { index, error, bound in
                target[index] = Float(2 * scale * error)
                target[size + index] = Float(scale * bound.slope)
            }
        }
        output.node?.add(gradient)
    }
    return (loss, errors, bounds)
}

extension DiffusionStepNumbers {
    /// The bound of one number in bits, and its derivative by the share.
    ///
    /// - Parameters:
    ///   - error: predicted less true noise.
    ///   - share: -1 for the smallest log variance, 1 for the largest.
    fileprivate func bound(data: Double, noise: Double, error: Double, share: Double) -> (value: Double, slope: Double)
    {
        let range = largestLogVariance - smallestLogVariance
        let logVariance = smallestLogVariance + (share + 1) / 2 * range
        // The clean data that the predicted noise means is off by -sigma / alpha of its error.
        let difference = -ofClean * sigma / alpha * error
        let (value, slope): (Double, Double)
        if isLast {
            let noisy = alpha * data + sigma * noise
            let mean = ofClean * data + difference + ofNoisy * noisy
            (value, slope) = Self.levelLoss(data, mean: mean, logVariance: logVariance)
        } else {
            let (ratio, square) = (exp(smallestLogVariance - logVariance), difference * difference * exp(-logVariance))
            value = 0.5 * (-1 + logVariance - smallestLogVariance + ratio + square)
            slope = 0.5 * (1 - ratio - square)
        }
        return (value / M_LN2, slope * range / 2 / M_LN2)
    }

    /// The negative log likelihood of one of 256 levels between -1 and 1 under a normal distribution, with the tanh
    /// approximation of its integral, and the derivative by the log variance.
    private static func levelLoss(_ data: Double, mean: Double, logVariance: Double) -> (value: Double, slope: Double) {
        let (spread, centred, least) = (exp(-0.5 * logVariance), data - mean, 1e-12)
        /// The integral up to a bound, and its derivative by the log variance, which scales the bound.
        func integral(_ distance: Double) -> (value: Double, slope: Double) {
            let z = spread * distance
            let root = (2 / Double.pi).squareRoot()
            let tangent = tanh(root * (z + 0.044715 * z * z * z))
            let density = 0.5 * (1 - tangent * tangent) * root * (1 + 3 * 0.044715 * z * z)
            return (0.5 * (1 + tangent), density * -0.5 * z)
        }
        let (upper, lower) = (integral(centred + 1 / 255), integral(centred - 1 / 255))
        let (likelihood, slope): (Double, Double) =
            data < -0.999
            ? upper
            : data > 0.999 ? (1 - lower.value, -lower.slope) : (upper.value - lower.value, upper.slope - lower.slope)
        return likelihood > least ? (-log(likelihood), -slope / likelihood) : (-log(least), 0)
    }
}
