/// What makes up for a factor that brings the channels of scaled latents to different means and deviations (Open-Sora, Zheng
/// et al., arXiv 2412.20404): (scaled - shift) / scale, channel by channel.
public struct ChannelNormalization: Codable, Sendable, Equatable {
    /// Means of the channels of scaled latents.
    public let shift: [Float]
    /// Standard deviations of the channels of scaled latents, positive.
    public let scale: [Float]

    public init(shift: [Float], scale: [Float]) { (self.shift, self.scale) = (shift, scale) }
}

extension LatentScale {
    /// This scale followed by a normalisation of each channel.
    ///
    /// - Precondition: there is a shift and a scale for each channel.
    public func followed(by channels: ChannelNormalization) -> LatentScale {
        var result = self
        let places = channels.shift.indices
        let own = deviations ?? places.map { _ in 1 }
        // factor (x - mean) / deviation - s is factor (x - (mean + s deviation / factor)) / deviation.
        result.means = places.map { (means?[$0] ?? 0) + channels.shift[$0] * own[$0] / factor }
        result.deviations = places.map { own[$0] * channels.scale[$0] }
        return result
    }
}
