import PixNerdTensors

/// What is known of the data before sampling: where it begins (image to image; Meng et al., SDEdit, arXiv 2108.01073,
/// section 3), and which part of it stays (inpainting).
public struct KnownData: Sendable {
    /// The data, [B, C, H, W].
    public let data: Tensor
    /// How much of each place is sampled, [H, W] row by row: from 0, where the data stays as it is, to 1. Nil where
    /// everything is sampled.
    public let painted: [Float]?
    /// How often each step is taken again from fresh noise, so that what is sampled fits what stays (Lugmayr et al., RePaint,
    /// arXiv 2201.09865, section 4.2); 0 for steps that are taken once.
    public let repetitions: Int

    /// - Precondition: there is a share for each place, and `repetitions` is not negative.
    public init(_ data: Tensor, painted: [Float]? = nil, repetitions: Int = 0) {
        precondition(
            data.shape.count == 4 && repetitions >= 0
                && painted.map { $0.count == data.shape[2] * data.shape[3] } ?? true,
            "KnownData: \(painted?.count ?? 0) shares for data of shape \(data.shape)")
        (self.data, self.painted, self.repetitions) = (data, painted, repetitions)
    }

    /// A velocity that leads straight to the data where that stays.
    ///
    /// - Parameters:
    ///   - velocity: the sampled velocity, [B, C, H, W].
    ///   - x: the point of the flow, [B, C, H, W].
    ///   - time: its time, less than 1.
    func velocity(_ velocity: Tensor, from x: Tensor, at time: Float) -> Tensor {
        guard let painted else { return velocity }
        let rate = 1 / (1 - time)
        return mixed(painted, velocity, Tensor.combination(rate, data, -rate, x))
    }

    /// Predicted data with the known data where that stays.
    func keeping(_ predicted: Tensor) -> Tensor { painted.map { mixed($0, predicted, data) } ?? predicted }
}

/// Two images mixed place by place.
///
/// - Parameters:
///   - shares: the share of `one` at each place, [H, W] row by row; where it is 0 or 1, the other image has no influence.
///   - one: [B, C, H, W].
///   - other: [B, C, H, W].
/// - Returns: [B, C, H, W].
package func mixed(_ shares: [Float], _ one: Tensor, _ other: Tensor) -> Tensor {
    precondition(
        one.shape == other.shape && one.shape.suffix(2).reduce(1, *) == shares.count,
        "mixed: \(shares.count) shares for \(one.shape) and \(other.shape)")
    var result = Tensor(uninitialized: one.shape)
    result.withUnsafeMutableBuffer { result in
        one.withUnsafeBuffer { one in
            other.withUnsafeBuffer { other in
                for start in stride(from: 0, to: result.count, by: shares.count) {
                    for (place, share) in shares.enumerated() {
                        let i = start + place
                        result[i] =
                            share == 0 ? other[i] : share == 1 ? one[i] : share * one[i] + (1 - share) * other[i]
                    }
                }
            }
        }
    }
    return result
}
