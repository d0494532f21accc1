import CPixNerdKernels

/// Squared error whose pictures count differently: the mean over pictures of factor * mean (a - b)^2, as in weighting
/// the loss by time (Hang et al., arXiv 2303.09556, equation 5). Only `a` gets a gradient.
///
/// - Parameters:
///   - a: [B, ...].
///   - b: a tensor of the shape of a.
///   - factors: B finite numbers.
/// - Returns: the mean over pictures, of shape [1], and factor * mean (a - b)^2 of each picture.
public func weightedSquaredError(
    _ a: Tensor, target b: Tensor, factors: [Float]
) -> (mean: Tensor, pictures: [Float]) {
    OperatorProfile.begin("weightedSquaredError")
    defer { OperatorProfile.end() }
    precondition(
        a.shape == b.shape && factors.count == a.shape[0],
        "weightedSquaredError: shapes \(a.shape) and \(b.shape) with \(factors.count) factors do not fit")
    let size = a.count / a.shape[0]
    let (mean, pictures) = meanOverPictures(factors.count) { index in
        let at = index * size
        return Double(factors[index]) * pn_sum_of_squared_differences(size, a.pointer + at, b.pointer + at)
            / Double(size)
    }
    let loss = Tape.record("weightedSquaredError", mean, from: [a]) { upstream in
        let gradient = Tensor(uninitialized: a.shape)
        let scale = 2 * Double(upstream.scalar) / Double(a.count)
        parallelFor(factors.count) { index in
            let at = index * size
            pn_scaled_difference(
                size, Float(scale * Double(factors[index])), a.pointer + at, b.pointer + at,
                gradient.storage.pointer + at)
        }
        a.node?.add(gradient)
    }
    return (loss, pictures)
}
