import CPixNerdKernels

/// The layout of moments [B, 2 C, H, W]: the first half of each image's channels is the mean, the second half the log
/// variance.
private struct MomentHalves {
    let batch: Int
    let half: Int
    let partShape: [Int]

    init(_ moments: Tensor, _ name: String) {
        precondition(
            moments.shape.count == 4 && moments.shape[1] % 2 == 0,
            "\(name): moments \(moments.shape) are not [B, 2 C, H, W]")
        batch = moments.shape[0]
        half = moments.count / batch / 2
        partShape = [batch, moments.shape[1] / 2, moments.shape[2], moments.shape[3]]
    }
}

/// Splits moments [B, 2 C, H, W]; without a gradient.
///
/// - Returns: the mean, and the log variance clamped to -30 ... 20, each [B, C, H, W].
public func gaussianParts(_ moments: Tensor) -> (mean: Tensor, logVariance: Tensor) {
    let halves = MomentHalves(moments, "gaussianParts")
    let parts = (0..<2).map { _ in Tensor(uninitialized: halves.partShape) }
    for picture in 0..<halves.batch {
        let (from, to) = (picture * 2 * halves.half, picture * halves.half)
        (parts[0].storage.pointer + to).update(from: moments.pointer + from, count: halves.half)
        pn_clamp_log_variance(halves.half, moments.pointer + from + halves.half, parts[1].storage.pointer + to)
    }
    return (parts[0], parts[1])
}

/// mean + exp(logVariance / 2) * noise, element by element; without a gradient.
///
/// - Parameters:
///   - mean: a tensor of any shape.
///   - logVariance: a tensor of the shape of `mean`.
///   - noise: a tensor of the shape of `mean`.
public func gaussianSample(mean: Tensor, logVariance: Tensor, noise: Tensor) -> Tensor {
    precondition(
        mean.shape == logVariance.shape && mean.shape == noise.shape,
        "gaussianSample: mean \(mean.shape), variance \(logVariance.shape), noise \(noise.shape) differ")
    let out = Tensor(uninitialized: mean.shape)
    parallelChunks(mean.count, of: elementsPerChunk) { range in
        let at = range.lowerBound
        pn_gaussian_sample(
            range.count, mean.pointer + at, logVariance.pointer + at, noise.pointer + at, out.storage.pointer + at)
    }
    return out
}

/// A sample of a normal distribution by the reparametrization of Kingma and Welling (arXiv 1312.6114, section 2.4).
///
/// - Parameters:
///   - moments: [B, 2 C, H, W]: means, then log variances, which are clamped to -30 ... 20.
///   - noise: [B, C, H, W], standard normal.
/// - Returns: mean + standard deviation * noise, [B, C, H, W].
public func gaussianSample(_ moments: Tensor, noise: Tensor) -> Tensor {
    OperatorProfile.begin("gaussianSample")
    defer { OperatorProfile.end() }
    let halves = MomentHalves(moments, "gaussianSample")
    precondition(
        noise.shape == halves.partShape, "gaussianSample: noise \(noise.shape) does not fit moments \(moments.shape)")
    let out = Tensor(uninitialized: halves.partShape)
    let half = halves.half
    parallelFor(halves.batch) { picture in
        let mean = moments.pointer + picture * 2 * half
        pn_gaussian_sample(
            half, mean, mean + half, noise.pointer + picture * half, out.storage.pointer + picture * half)
    }
    return Tape.record("gaussianSample", out, from: [moments]) { upstream in
        let gradient = Tensor(uninitialized: moments.shape)
        parallelFor(halves.batch) { picture in
            let (at, to) = (picture * half, gradient.storage.pointer + picture * 2 * half)
            to.update(from: upstream.pointer + at, count: half)
            pn_gaussian_sample_backward(
                half, moments.pointer + picture * 2 * half + half, noise.pointer + at, upstream.pointer + at, to + half)
        }
        moments.node?.add(gradient)
    }
}

/// KL divergence of normal distributions from the standard normal (Kingma and Welling, arXiv 1312.6114, appendix B),
/// summed over the elements of an image.
///
/// - Parameter moments: [B, 2 C, H, W]: means, then log variances, which are clamped to -30 ... 20.
/// - Returns: the mean over images, of shape [1].
public func gaussianDivergence(_ moments: Tensor) -> Tensor {
    OperatorProfile.begin("gaussianDivergence")
    defer { OperatorProfile.end() }
    let halves = MomentHalves(moments, "gaussianDivergence")
    let half = halves.half
    let sum = (0..<halves.batch).reduce(0.0) {
        $0 + pn_gaussian_divergence(half, moments.pointer + $1 * 2 * half, moments.pointer + $1 * 2 * half + half)
    }
    let mean = Tensor([Float(sum / Double(halves.batch))], shape: [1])
    return Tape.record("gaussianDivergence", mean, from: [moments]) { upstream in
        let gradient = Tensor(uninitialized: moments.shape)
        let scale = upstream.scalar / Float(halves.batch)
        parallelFor(halves.batch) { picture in
            let (from, to) = (moments.pointer + picture * 2 * half, gradient.storage.pointer + picture * 2 * half)
            pn_gaussian_divergence_backward(half, scale, from, from + half, to, to + half)
        }
        moments.node?.add(gradient)
    }
}
