import PixNerdLayers
import PixNerdTensors

/// Guidance of a model's velocity away from a worse one, inside an interval of times (Kynkäänniemi et al., arXiv
/// 2404.07724).
///
/// The worse velocity is that without a condition (classifier-free guidance; Ho and Salimans, arXiv 2207.12598), or that
/// of a guide: a smaller or less trained model under the same condition (autoguidance; Karras et al., arXiv 2406.02507,
/// section 4).
public struct Guidance: Sendable, Equatable {
    /// How the worse velocity enters the guided one.
    public enum Rule: String, Sendable, CaseIterable, Codable {
        /// worse + scale (better - worse).
        case plain
        /// The plain rule with the worse velocity multiplied, image by image, by the factor that brings it nearest to
        /// the better one (CFG-Zero*, the optimized scale; Fan et al., arXiv 2503.18886).
        case zeroStar = "zero-star"
        /// The model is told the scale and gives the guided velocity by itself, at all times.
        case told
    }

    /// The scale of each interval; 1 is no guidance.
    public let scales: [Float]
    /// The bounds of the intervals, ascending; one more than there are scales.
    public let times: [Float]
    public let rule: Rule
    /// Whether guidance also acts at the first and at the last bound.
    public let includesEnds: Bool

    /// Guidance with different scales in adjacent intervals of time.
    ///
    /// - Parameters:
    ///   - scales: scale of each interval.
    ///   - times: bounds of the intervals, ascending, one more than there are scales.
    ///   - rule: how the worse velocity enters the guided one.
    ///   - includesEnds: whether guidance also acts at the first and at the last bound.
    public init(scales: [Float], times: [Float], rule: Rule = .plain, includesEnds: Bool = false) {
        precondition(
            !scales.isEmpty && times.count == scales.count + 1 && zip(times, times.dropFirst()).allSatisfy { $0 <= $1 },
            "Guidance: \(scales.count) scales between the times \(times)")
        precondition(rule != .told || scales.count == 1, "Guidance: a model is told one scale and not \(scales.count)")
        self.scales = scales
        self.times = times
        self.rule = rule
        self.includesEnds = includesEnds
    }

    /// Guidance strictly between two times, or at these times too.
    public init(
        scale: Float = 3.5, lowerTime: Float = 0.1, upperTime: Float = 1, rule: Rule = .plain,
        includesEnds: Bool = false
    ) {
        self.init(scales: [scale], times: [lowerTime, upperTime], rule: rule, includesEnds: includesEnds)
    }

    /// How far the rounding of a sampler's times moves them.
    private static let rounding: Float = 1e-6

    /// The scale at a time: 1 unless the time is between the first and the last bound, or at one of them where guidance
    /// acts there. The bound between two intervals belongs to the later one. A scale that the model is told acts at all
    /// times.
    public func scale(at time: Float) -> Float {
        guard rule != .told else { return scales[0] }
        let (first, last) = (times[0], times[times.count - 1])
        let isInside =
            includesEnds
            ? first - Self.rounding <= time && time <= last + Self.rounding : first < time && time < last
        guard isInside else { return 1 }
        let begun = times.dropLast().prefix { $0 <= time }.count
        return scales[max(begun - 1, 0)]
    }

    /// Number of model evaluations, those of a guide included, for the guided velocity at a time.
    public func evaluations(at time: Float) -> Int { rule == .told || scale(at: time) == 1 ? 1 : 2 }

    /// The guided velocity.
    ///
    /// Where the scale is 1 the model is evaluated once and nothing else is. Elsewhere it is evaluated once for twice the
    /// batch, or once for the batch beside its guide.
    ///
    /// - Parameters:
    ///   - guide: the worse model; nil to guide away from the model without a condition.
    ///   - x: [B, C, H, W].
    ///   - time: time of all images.
    ///   - condition: B conditions.
    public func velocity(
        _ denoiser: some Denoiser, guide: (any Denoiser)? = nil, _ x: Tensor, time: Float, condition: any Condition
    ) -> Tensor {
        let batch = x.shape[0]
        let times = [Float](repeating: time, count: batch)
        let scale = scale(at: time)
        if rule == .told {
            let told = condition.telling(ModelNumbers(strength: [Float](repeating: scale, count: batch)))
            return denoiser.velocity(x, times: times, condition: told)
        }
        guard scale != 1 else { return denoiser.velocity(x, times: times, condition: condition) }
        if let guide {
            return guided(
                denoiser.velocity(x, times: times, condition: condition),
                awayFrom: guide.velocity(x, times: times, condition: condition), by: scale)
        }
        let both = denoiser.velocity(
            Tensor.concatenated([x, x]), times: times + times,
            condition: condition.unconditional.joined(with: condition))
        return guided(both.rows(batch..<2 * batch), awayFrom: both.rows(0..<batch), by: scale)
    }

    private func guided(_ better: Tensor, awayFrom worse: Tensor, by scale: Float) -> Tensor {
        switch rule {
        case .plain, .told: Tensor.combination(1 - scale, worse, scale, better)
        case .zeroStar:
            Tensor.combination(
                zeroStarFactors(worse, towards: better).map { (1 - scale) * $0 }, worse,
                [Float](repeating: scale, count: better.shape[0]), better)
        }
    }
}

/// The factor of each image that brings a velocity nearest to another: <better, worse> / (|worse|^2 + 1e-8) (CFG-Zero*;
/// Fan et al., arXiv 2503.18886).
///
/// - Parameters:
///   - worse: [B, C, H, W].
///   - better: [B, C, H, W].
/// - Returns: B factors.
func zeroStarFactors(_ worse: Tensor, towards better: Tensor) -> [Float] {
    let size = worse.count / worse.shape[0]
    return worse.withUnsafeBuffer { worse in
        better.withUnsafeBuffer { better in
            (0..<worse.count / size).map { image in
                var (product, square) = (0.0, 0.0)
                for i in image * size..<(image + 1) * size {
                    product += Double(better[i]) * Double(worse[i])
                    square += Double(worse[i]) * Double(worse[i])
                }
                return Float(product / (square + 1e-8))
            }
        }
    }
}
