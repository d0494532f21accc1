import PixNerdLayers
import PixNerdTensors

/// Classifier-free guidance (Ho and Salimans, arXiv 2207.12598) inside an interval of times (Kynkäänniemi et al.,
/// arXiv 2404.07724).
public struct Guidance: Sendable, Equatable {
    /// The scale of each interval; 1 is no guidance, and the velocity is without + scale (with - without).
    public let scales: [Float]
    /// Where the intervals begin, ascending, and where the last one ends; one more than there are scales.
    public let times: [Float]

    /// Guidance of different strength in neighbouring intervals of time.
    ///
    /// - Parameters:
    ///   - scales: of the intervals.
    ///   - times: their bounds, ascending, one more than there are scales.
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

    /// The scale at a time: 1 unless the time is strictly between the first and the last bound. Where two intervals
    /// meet, the later one counts.
    public func scale(at time: Float) -> Float {
        guard times[0] < time && time < times[times.count - 1] else { return 1 }
        let begun = times.dropLast().prefix { $0 <= time }.count
        return scales[begun - 1]
    }

    /// The guided velocity; one evaluation where the scale is 1, else one of twice the pictures.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - time: of all pictures.
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
            condition: denoiser.unconditional(batch).joined(with: condition))
        return Tensor.combination(1 - scale, both.rows(0..<batch), scale, both.rows(batch..<2 * batch))
    }
}
