import PixNerdLayers
import PixNerdTensors

/// Classifier-free guidance (Ho and Salimans, arXiv 2207.12598) inside an interval of times (Kynkäänniemi et al.,
/// arXiv 2404.07724).
public struct Guidance: Sendable, Equatable {
    /// The scale of each interval. The velocity is unconditional + scale (conditional - unconditional); 1 is no
    /// guidance.
    public let scales: [Float]
    /// The bounds of the intervals, ascending; one more than there are scales.
    public let times: [Float]

    /// Guidance with different scales in adjacent intervals of time.
    ///
    /// - Parameters:
    ///   - scales: scale of each interval.
    ///   - times: bounds of the intervals, ascending, one more than there are scales.
    public init(scales: [Float], times: [Float]) {
        precondition(
            !scales.isEmpty && times.count == scales.count + 1 && zip(times, times.dropFirst()).allSatisfy { $0 <= $1 },
            "Guidance: \(scales.count) scales between the times \(times)")
        self.scales = scales
        self.times = times
    }

    /// Guidance strictly between two times.
    public init(scale: Float = 3.5, lowerTime: Float = 0.1, upperTime: Float = 1) {
        self.init(scales: [scale], times: [lowerTime, upperTime])
    }

    /// The scale at a time: 1 unless the time is strictly between the first and the last bound. The bound between two
    /// intervals belongs to the later one.
    public func scale(at time: Float) -> Float {
        guard times[0] < time && time < times[times.count - 1] else { return 1 }
        let begun = times.dropLast().prefix { $0 <= time }.count
        return scales[begun - 1]
    }

    /// The guided velocity, from one model evaluation: of the batch if the scale is 1, else of twice the batch.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - time: time of all images.
    ///   - condition: B conditions.
    public func velocity(
        _ denoiser: some Denoiser, _ x: Tensor, time: Float, condition: any Condition
    ) -> Tensor {
        let batch = x.shape[0]
        let scale = scale(at: time)
        guard scale != 1 else {
            return denoiser.velocity(x, times: [Float](repeating: time, count: batch), condition: condition)
        }
        let both = denoiser.velocity(
            Tensor.concatenated([x, x]), times: [Float](repeating: time, count: 2 * batch),
            condition: condition.unconditional.joined(with: condition))
        return Tensor.combination(1 - scale, both.rows(0..<batch), scale, both.rows(batch..<2 * batch))
    }
}
