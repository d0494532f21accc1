import CPixNerdKernels
import Foundation

/// How the distances of a dispersive loss are taken.
public enum DispersiveForm: String, Sendable, CaseIterable {
    /// All tokens of an image are one vector of N D numbers; distances are divided by N D; an image is a pair with
    /// itself, too. (Wang and He, arXiv 2506.09027, section 3.)
    case paper
    /// An image is the mean of its tokens; pairs are of different images; 1e-6 is added to the mean. (PixNerd: Wang et
    /// al., arXiv 2507.23268, published code.)
    case pixnerd
}

/// A loss that drives the images of a batch apart inside a network: the logarithm of the mean of exp(-d / temperature)
/// over pairs of images, with d their squared distance.
///
/// A batch of one image has a constant loss, without a slope. So has a batch whose images are so far apart that every
/// exponential vanishes beside 1e-6, in PixNerd's form: the loss is then log 1e-6 = -13.8.
///
/// - Parameters:
///   - features: tokens in a network, [B, N, D].
///   - temperature: greater than 0.
/// - Returns: the loss of the batch, of shape [1].
public func dispersiveLoss(_ features: Tensor, form: DispersiveForm, temperature: Float = 1) -> Tensor {
    OperatorProfile.begin("dispersiveLoss")
    defer { OperatorProfile.end() }
    precondition(
        features.shape.count == 3 && temperature > 0,
        "dispersiveLoss: the features \(features.shape) are not [B, N, D], or the temperature \(temperature) is not "
            + "positive")
    let (batch, tokens) = (features.shape[0], features.shape[1])
    let vectors =
        form == .paper
        ? features.detached.reshaped([batch, features.count / batch]) : tokenMeans(features.detached)
    let divisor = Double(temperature) * (form == .paper ? Double(vectors.shape[1]) : 1)
    let pairs = exponentialsOfPairs(vectors, divisor: divisor)
    // The sum over pairs; an image has the distance 0 from itself.
    let sum = pairs.reduce(0, +) + (form == .paper ? Double(batch) : 1e-6 * Double(batch * batch))
    let loss = Tensor([Float(log(sum / Double(batch * batch)))], shape: [1])
    return Tape.record("dispersiveLoss", loss, from: [features]) { upstream in
        let scale = -4 / (divisor * sum) * Double(upstream.scalar)
        let gradient = weightedDifferences(vectors, pairs, scale: scale)
        guard form == .pixnerd else {
            features.node?.add(gradient.reshaped(features.shape))
            return
        }
        let width = features.shape[2]
        let spread = Tensor(uninitialized: features.shape)
        parallelFor(batch * tokens) { row in
            pn_scale(
                width, 1 / Float(tokens), gradient.pointer + row / tokens * width,
                spread.storage.pointer + row * width)
        }
        features.node?.add(spread)
    }
}

/// The means of the tokens of each image, [B, D].
private func tokenMeans(_ x: Tensor) -> Tensor {
    let (batch, tokens, width) = (x.shape[0], x.shape[1], x.shape[2])
    let sums = sumOverTokens(batch: batch, tokens: tokens, width: width) { picture, range, sums in
        for token in range { pn_accumulate(width, x.pointer + (picture * tokens + token) * width, sums) }
    }
    return scaled(sums, by: 1 / Float(tokens))
}

/// exp(-|z_i - z_j|^2 / divisor) of all pairs of rows, [B, B], with zeros on the diagonal.
private func exponentialsOfPairs(_ vectors: Tensor, divisor: Double) -> [Double] {
    let (count, width) = (vectors.shape[0], vectors.shape[1])
    var pairs = [Double](repeating: 0, count: count * count)
    pairs.withUnsafeMutableBufferPointer { pairs in
        let target = pairs.baseAddress!
        parallelFor(count) { i in
            for j in 0..<i {
                let distance = pn_sum_of_squared_differences(
                    width, vectors.pointer + i * width, vectors.pointer + j * width)
                let value = exp(-distance / divisor)
                (target[i * count + j], target[j * count + i]) = (value, value)
            }
        }
    }
    return pairs
}

/// scale sum_j pairs_ij (z_i - z_j) for each row i of the vectors [B, D].
private func weightedDifferences(_ vectors: Tensor, _ pairs: [Double], scale: Double) -> Tensor {
    let (count, width) = (vectors.shape[0], vectors.shape[1])
    let factors = (0..<count).flatMap { i -> [Float] in
        let row = pairs[i * count..<(i + 1) * count]
        let own = row.reduce(0, +)
        return row.enumerated().map { j, pair in Float(scale * (i == j ? own : -pair)) }
    }
    let result = Tensor(uninitialized: vectors.shape)
    factors.withUnsafeBufferPointer { factors in
        MatrixProduct.onAllThreads(
            rows: count, columns: width, inner: count, Matrix(factors.baseAddress!, stride: count),
            Matrix(vectors.pointer, stride: width), beta: 0, into: result.storage.pointer, stride: width)
    }
    return result
}
