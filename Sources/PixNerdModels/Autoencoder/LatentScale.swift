import PixNerdSupport

/// How an autoencoder's latents are brought to mean 0 and deviation 1 for diffusion, and back; the keys are those of
/// diffusers' `config.json`.
///
/// scaled = (latent - mean - shift) factor / deviation, mean and deviation channel by channel.
public struct LatentScale: Sendable, Equatable, Codable {
    public var factor: Float
    public var shift: Float
    /// One a channel; nil for zeros.
    public var means: [Float]?
    /// One a channel, positive; nil for ones.
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

    /// diffusers' default, which configurations of Stable Diffusion 1 leave out.
    static let usualFactor: Float = 0.18215

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        factor = try values.decodeIfPresent(Float.self, forKey: .factor) ?? Self.usualFactor
        shift = try values.decodeIfPresent(Float.self, forKey: .shift) ?? 0
        means = try values.decodeIfPresent([Float].self, forKey: .means)
        deviations = try values.decodeIfPresent([Float].self, forKey: .deviations)
    }

    /// - Parameter channels: of the latents.
    /// - Throws: `ArchitectureError` naming what cannot be.
    func validate(channels: Int) throws {
        guard factor.isFinite, factor > 0, shift.isFinite else {
            throw ArchitectureError(
                description: "scaling_factor is \(factor) and shift_factor \(shift); the factor must be positive.")
        }
        for (name, values) in [("latents_mean", means), ("latents_std", deviations)] {
            guard let values else { continue }
            guard values.count == channels, values.allSatisfy(\.isFinite), name == "latents_mean" || values.min()! > 0
            else {
                throw ArchitectureError(
                    description: "\(name) is \(values); \(channels) numbers are expected"
                        + (name == "latents_std" ? ", all of them positive." : "."))
            }
        }
    }

    /// What channel `channel` is multiplied by, and what is added then.
    public func affine(channel: Int) -> (scale: Float, offset: Float) {
        let scale = factor / (deviations?[channel] ?? 1)
        return (scale, -((means?[channel] ?? 0) + shift) * scale)
    }

    /// As `text`, without the numbers of channels.
    public var summary: String {
        let channels = means != nil || deviations != nil ? ", by channel" : ""
        return LatentScale(factor: factor, shift: shift).text + channels
    }

    /// The numbers that are not the usual ones, for a person.
    public var text: String {
        var parts = ["factor \(factor)"]
        if shift != 0 { parts.append("shift \(shift)") }
        if let means { parts.append("channel means \(means)") }
        if let deviations { parts.append("channel deviations \(deviations)") }
        return parts.joined(separator: ", ")
    }
}
