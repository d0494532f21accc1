import PixNerdSupport

/// The affine map that brings an autoencoder's latents to mean 0 and standard deviation 1 for diffusion, with the JSON
/// keys of diffusers' `config.json`.
///
/// scaled = (latent - mean - shift) factor / deviation, with a mean and a standard deviation per channel.
public struct LatentScale: Sendable, Equatable, Codable {
    public var factor: Float
    public var shift: Float
    /// Mean per channel; nil for zeros.
    public var means: [Float]?
    /// Standard deviation per channel, positive; nil for ones.
    public var deviations: [Float]?

    enum CodingKeys: String, CodingKey {
        case factor = "scaling_factor"
        case shift = "shift_factor"
        case means = "latents_mean"
        case deviations = "latents_std"
    }

    public init(factor: Float, shift: Float = 0, means: [Float]? = nil, deviations: [Float]? = nil) {
        self.factor = factor
        self.shift = shift
        self.means = means
        self.deviations = deviations
    }

    /// diffusers' default factor, which configurations of Stable Diffusion 1 omit.
    static let usualFactor: Float = 0.18215

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        factor = try values.decodeIfPresent(Float.self, forKey: .factor) ?? Self.usualFactor
        shift = try values.decodeIfPresent(Float.self, forKey: .shift) ?? 0
        means = try values.decodeIfPresent([Float].self, forKey: .means)
        deviations = try values.decodeIfPresent([Float].self, forKey: .deviations)
    }

    /// Checks the values.
    ///
    /// - Parameter channels: number of latent channels.
    /// - Throws: `PixNerdError` that names the invalid key.
    func validate(channels: Int) throws {
        guard factor.isFinite, factor > 0, shift.isFinite else {
            throw PixNerdError(
                .invalidValue, "scaling_factor", found: "is \(factor) and shift_factor \(shift)",
                expected: "a positive factor and a finite shift")
        }
        for (name, values) in [("latents_mean", means), ("latents_std", deviations)] {
            guard let values else { continue }
            guard values.count == channels, values.allSatisfy(\.isFinite), name == "latents_mean" || values.min()! > 0
            else {
                throw PixNerdError(
                    .invalidValue, "\(name)", found: "is \(values)",
                    expected: "\(channels) numbers\(name == "latents_std" ? ", all of them positive" : "")")
            }
        }
    }

    /// The factor that a channel is multiplied by, and the offset that is added afterwards.
    public func affine(channel: Int) -> (scale: Float, offset: Float) {
        let scale = factor / (deviations?[channel] ?? 1)
        return (scale, -((means?[channel] ?? 0) + shift) * scale)
    }

    /// A short description, without the values per channel.
    public var summary: String {
        let channels = means != nil || deviations != nil ? ", by channel" : ""
        return LatentScale(factor: factor, shift: shift).text + channels
    }

    /// A description of the factor and of all values that differ from their defaults.
    public var text: String {
        var parts = ["factor \(factor)"]
        if shift != 0 { parts.append("shift \(shift)") }
        if let means { parts.append("channel means \(means)") }
        if let deviations { parts.append("channel deviations \(deviations)") }
        return parts.joined(separator: ", ")
    }
}
