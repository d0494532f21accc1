import Foundation

/// Sinusoidal features of times: the cosines of all frequencies, then the sines.
///
/// - Parameters:
///   - times: B times in [0, 1].
///   - width: number of features, even.
///   - maximumPeriod: 10 in PixNerd, whose times are fractions (DiT's are 0 ... 999 and use 10,000).
/// - Returns: [B, width].
public func timestepFeatures(_ times: [Float], width: Int = 256, maximumPeriod: Float = 10) -> Tensor {
    OperatorProfile.begin("timestepFeatures")
    defer { OperatorProfile.end() }
    let half = width / 2
    let rates = (0..<half).map { expf(-logf(maximumPeriod) / Float(half) * Float($0)) }
    let values = times.flatMap { time in
        rates.map { cosf(time * $0) } + rates.map { sinf(time * $0) }
    }
    return Tensor(values, shape: [times.count, width])
}
