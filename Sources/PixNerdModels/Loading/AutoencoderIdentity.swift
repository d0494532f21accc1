import Foundation
import PixNerdDiffusion
import PixNerdSupport

/// The autoencoder whose latents a denoiser is trained on, and their scale.
public struct AutoencoderIdentity: Codable, Sendable, Equatable {
    /// A hash of its weights, independent of the path.
    public let fingerprint: String
    /// The published kind, or else the path that it was read from.
    public let name: String
    public let path: String
    public let scale: LatentScale
    public let latentChannels: Int
    /// Downsampling factor f: pixels along a side for each latent.
    public let reduction: Int
    /// The normalisation of channels that `scale` contains and the autoencoder's own file does not; nil for none.
    public let normalization: ChannelNormalization?

    package enum CodingKeys: String, CodingKey {
        case fingerprint, name, path, scale, reduction
        case normalization = "channel_normalization"
        case latentChannels = "latent_channels"
    }

    package init(
        _ checkpoint: AutoencoderCheckpoint, _ model: Autoencoder, scale: LatentScale,
        normalization: ChannelNormalization? = nil
    ) {
        self.normalization = normalization
        fingerprint = model.fingerprint
        name = checkpoint.knownName ?? checkpoint.path
        path = checkpoint.path
        self.scale = scale
        latentChannels = model.latentChannels
        reduction = model.reduction
    }

    /// Whether both give the same latents: equal weights and scale, whatever the path.
    package func isSame(as other: AutoencoderIdentity) -> Bool {
        fingerprint == other.fingerprint && scale == other.scale
    }

    /// A short description of weights and scale.
    public var text: String { "\(name) (weights \(fingerprint.prefix(8)), \(scale.summary))" }

    /// JSON for the metadata of a checkpoint.
    package var json: String {
        // Strings and finite numbers always encode.
        (try? JSON.text(self)) ?? ""
    }

    package init?(json: String) {
        guard let identity = try? JSONDecoder().decode(AutoencoderIdentity.self, from: Data(json.utf8)),
            (1...SizeLimits.channels).contains(identity.latentChannels),
            (1...SizeLimits.side).contains(identity.reduction),
            (try? identity.scale.validate(channels: identity.latentChannels)) != nil
        else { return nil }
        self = identity
    }
}
