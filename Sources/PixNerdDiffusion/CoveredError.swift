import PixNerdTensors

/// The squared error of the pixels that are covered: the mean over images of factor * mean (a - b)^2, the inner mean over
/// the covered pixels of an image; 0 for an image without any.
///
/// - Parameters:
///   - a: [B, C, H, W]; only this gets a gradient.
///   - b: a tensor of the shape of a.
///   - factors: B finite numbers.
///   - covered: 1 for covered pixels and 0 for others, [B, 1, H, W]; nil if all are covered.
/// - Returns: the mean over images, of shape [1], and that of each image.
public func coveredSquaredError(
    _ a: Tensor, target b: Tensor, factors: [Float], covered: Tensor?
) -> (mean: Tensor, pictures: [Float]) {
    guard let covered else { return weightedSquaredError(a, target: b, factors: factors) }
    let (images, channels, pixels) = (a.shape[0], a.shape[1], a.shape[2] * a.shape[3])
    precondition(
        covered.shape == [images, 1, a.shape[2], a.shape[3]],
        "coveredSquaredError: a mask \(covered.shape) for \(a.shape)")
    // Where the target is the output itself, there is neither an error nor a gradient.
    var target = b.detached
    var shares = [Float](repeating: 0, count: images)
    target.withUnsafeMutableBuffer { target in
        a.withUnsafeBuffer { a in
            covered.withUnsafeBuffer { covered in
                for image in 0..<images {
                    let mask = covered[image * pixels..<(image + 1) * pixels]
                    shares[image] = mask.reduce(0, +) / Float(pixels)
                    for (place, isCovered) in mask.enumerated() where isCovered == 0 {
                        for channel in 0..<channels {
                            let index = (image * channels + channel) * pixels + place
                            target[index] = a[index]
                        }
                    }
                }
            }
        }
    }
    return weightedSquaredError(
        a, target: target, factors: zip(factors, shares).map { $1 > 0 ? $0 / $1 : 0 })
}
