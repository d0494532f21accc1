import CPixNerdKernels

/// Distance between the features of two images: the mean over pixels of the sum over channels of weights (a / (|a| +
/// epsilon) - b / (|b| + epsilon))^2, with norms over the channels of a pixel. Only `a` gets a gradient. (Zhang et al.,
/// arXiv 1801.03924, equation 1.)
///
/// Where all channels of a pixel of `a` are 0 its gradient is 0; PyTorch's is NaN there.
///
/// - Parameters:
///   - a: [B, C, H, W].
///   - b: [B, C, H, W].
///   - weights: [C].
/// - Returns: the mean over images, of shape [1], and the distance per image.
public func meanChannelDistance(
    _ a: Tensor, target b: Tensor, weights: Tensor, epsilon: Float = 1e-10
) -> (mean: Tensor, pictures: [Float]) {
    OperatorProfile.begin("meanChannelDistance")
    defer { OperatorProfile.end() }
    precondition(
        a.shape == b.shape && a.shape.count == 4 && weights.shape == [a.shape[1]],
        "meanChannelDistance: shapes \(a.shape) and \(b.shape) with weights \(weights.shape) do not fit")
    let (batch, channels, pixels) = (a.shape[0], a.shape[1], a.shape[2] * a.shape[3])
    let size = channels * pixels
    let (mean, pictures) = meanOverPictures(batch) { index in
        let at = index * size
        return pn_channel_distances(
            channels, pixels, pixels, epsilon, weights.pointer, a.pointer + at, b.pointer + at) / Double(pixels)
    }
    let loss = Tape.record("meanChannelDistance", mean, from: [a]) { upstream in
        let gradient = Tensor(uninitialized: a.shape)
        let scale = Float(Double(upstream.scalar) / Double(batch * pixels))
        parallelFor(batch) { index in
            let at = index * size
            pn_channel_distances_backward(
                channels, pixels, pixels, epsilon, scale, weights.pointer, a.pointer + at, b.pointer + at,
                gradient.storage.pointer + at)
        }
        a.node?.add(gradient)
    }
    return (loss, pictures)
}
