import PixNerdTensors

/// Mean and standard deviation of latents, in total and per channel, accumulated batch by batch in double precision.
public struct LatentStatistics: Sendable, Equatable {
    public let channels: Int
    private var parts: [Moments]

    /// Count, mean, and sum of squares around the mean, which stays accurate for small deviations around a large mean.
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

        /// Merges other moments (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983).
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

    /// Number of values that were added, over all channels.
    public var count: Int { parts[0].count * channels }

    /// Mean of all values; NaN if nothing was added, like all statistics here.
    public var mean: Double { total.mean }

    /// Standard deviation of all values around their common mean, which `1 / scaling_factor` should equal. Differences
    /// between the means of channels add to it.
    public var deviation: Double { total.deviation }

    public var channelMeans: [Double] { parts.map { $0.count > 0 ? $0.mean : .nan } }

    public var channelDeviations: [Double] { parts.map(\.deviation) }

    /// The scaling factor that brings the latents to standard deviation 1, if unscaled latents were added.
    public var factor: Double { 1 / deviation }

    /// The scale that brings each channel to mean 0 and standard deviation 1, if unscaled latents were added; nil if
    /// the values of a channel are all equal or not finite.
    ///
    /// The factor normalises all channels together, each around its mean; the standard deviations per channel are
    /// relative to it. So the factor is useful by itself for programs that ignore the values per channel.
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
