import PixNerdTensors

/// Mean and deviation of latents, in total and channel by channel, gathered batch by batch in double precision.
public struct LatentStatistics: Sendable, Equatable {
    public let channels: Int
    private var parts: [Moments]

    /// Numbers by their count, mean, and the sum of squares around it, which keeps small deviations far from zero.
    private struct Moments: Equatable {
        var count = 0
        var mean = 0.0
        var squares = 0.0

        init() {}

        init(_ values: Slice<UnsafeBufferPointer<Float>>) {
            count = values.count
            mean = values.reduce(0) { $0 + Double($1) } / Double(count)
            for value in values { squares += (Double(value) - mean) * (Double(value) - mean) }
        }

        /// With others beside them (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983).
        mutating func add(_ other: Moments) {
            let (all, difference) = (Double(count + other.count), other.mean - mean)
            squares += other.squares + difference * difference * Double(count) * Double(other.count) / all
            mean += difference * Double(other.count) / all
            count += other.count
        }

        var deviation: Double { (squares / Double(count)).squareRoot() }
    }

    public init(channels: Int) {
        precondition(channels > 0, "LatentStatistics: \(channels) channels")
        self.channels = channels
        parts = [Moments](repeating: Moments(), count: channels)
    }

    /// - Parameter latents: [B, c, h, w].
    public mutating func add(_ latents: Tensor) {
        precondition(
            latents.shape.count == 4 && latents.shape[1] == channels,
            "LatentStatistics: latents \(latents.shape) are not [B, \(channels), h, w]")
        let (pictures, size) = (latents.shape[0], latents.shape[2] * latents.shape[3])
        let planes = latents.withUnsafeBuffer { values in
            parallelMap(pictures * channels) { Moments(values[$0 * size..<($0 + 1) * size]) }
        }
        for (plane, moments) in planes.enumerated() { parts[plane % channels].add(moments) }
    }

    /// Numbers that were added, of all channels together.
    public var count: Int { parts[0].count * channels }

    /// Of all numbers together; NaN where nothing was added, here and below.
    public var mean: Double { total.mean }

    /// Of all numbers together around their mean, what `1 / scaling_factor` is meant to be: channels with other means
    /// add to it.
    public var deviation: Double { total.deviation }

    public var channelMeans: [Double] { parts.map { $0.count > 0 ? $0.mean : .nan } }

    public var channelDeviations: [Double] { parts.map(\.deviation) }

    /// The scaling factor that brings latents to deviation 1, where those that were added have no scale.
    public var factor: Double { 1 / deviation }

    /// The scale that brings each channel to mean 0 and deviation 1, where those that were added have none; nil where a
    /// channel's numbers are all equal or not finite.
    ///
    /// The factor is that of all channels around their means, and what channels differ by stands in their deviations, so
    /// that the factor alone also serves whoever knows nothing of channels.
    public var scale: LatentScale? {
        let (means, deviations) = (channelMeans, channelDeviations)
        guard (means + deviations).allSatisfy(\.isFinite), deviations.allSatisfy({ $0 > 0 }) else { return nil }
        let factor = 1 / (deviations.reduce(0) { $0 + $1 * $1 } / Double(channels)).squareRoot()
        return LatentScale(
            factor: Float(factor), means: means.map { Float($0) }, deviations: deviations.map { Float($0 * factor) })
    }

    private var total: Moments {
        var total = Moments()
        for part in parts { total.add(part) }
        return total
    }
}
