import Foundation
import PixNerdTensors

/// Other conditions for the images of a batch, towards which their velocities are mixed: those of an interpolation between
/// two classes or prompts.
///
/// The mean of two velocities is that of the product of both distributions, each to the power of its share (Liu et al.,
/// arXiv 2206.01714, section 3). So it takes no more of a model than a velocity for each condition, whatever they are.
public struct ConditionBlend: Sendable {
    /// B conditions.
    public let condition: any Condition
    /// The share of the other condition in each image, 0 to 1.
    public let shares: [Float]

    /// - Precondition: there is a share for each condition.
    public init(_ condition: any Condition, shares: [Float]) {
        precondition(
            condition.count == shares.count, "ConditionBlend: \(shares.count) shares of \(condition.count) conditions")
        (self.condition, self.shares) = (condition, shares)
    }

    /// A velocity mixed with that of the other condition, [B, C, H, W].
    func callAsFunction(_ own: Tensor, _ other: Tensor) -> Tensor {
        Tensor.combination(shares.map { 1 - $0 }, own, shares, other)
    }
}

/// Noise on the great circle between two, where it stays as probable as on its ends (Shoemake 1985): image by image, with the
/// angle between both images taken as vectors.
///
/// - Parameters:
///   - one: standard normal noise, [B, C, H, W].
///   - other: standard normal noise, [B, C, H, W].
///   - shares: how far each image lies towards `other`, 0 to 1.
/// - Returns: [B, C, H, W]; equal to `one` or `other`, to the bit, where the share is 0 or 1.
public func sphericalMix(_ one: Tensor, _ other: Tensor, shares: [Float]) -> Tensor {
    precondition(
        one.shape == other.shape && one.shape[0] == shares.count,
        "sphericalMix: \(shares.count) shares of \(one.shape) and \(other.shape)")
    let size = one.count / shares.count
    let factors = one.withUnsafeBuffer { one in
        other.withUnsafeBuffer { other in
            shares.enumerated().map { image, share -> (Float, Float) in
                guard share > 0 && share < 1 else { return (1 - share, share) }
                var (product, squares) = (0.0, (0.0, 0.0))
                for i in image * size..<(image + 1) * size {
                    product += Double(one[i]) * Double(other[i])
                    squares.0 += Double(one[i]) * Double(one[i])
                    squares.1 += Double(other[i]) * Double(other[i])
                }
                let angle = acos(max(-1, min(product / (squares.0 * squares.1).squareRoot(), 1)))
                // On a line where the circle is none, or is not unique.
                guard sin(angle) > 1e-6 else { return (1 - share, share) }
                return (
                    Float(sin(Double(1 - share) * angle) / sin(angle)), Float(sin(Double(share) * angle) / sin(angle))
                )
            }
        }
    }
    return Tensor.combination(factors.map(\.0), one, factors.map(\.1), other)
}
